// The core of a flow that a transition works on: its documents and trees, its state, and what it sends.
//
// Trees are read when they are used and written at the end, so messages that are read together cost one write. The state is
// an object with the members of the document `state`; absent ones are undefined, and its maps are Maps.

import { ErasedDocument, readValue } from "./documents.js";
import { PROGRAM_BYTES, VALUE_BYTES, compareNames, encodeValue, hashOf, members, refsIn } from "./values.js";

const TERMINAL = new Set(["rejected", "succeeded", "failed", "budget_exceeded", "stalled"]);
const INTERRUPTED = new Set(["budget_exceeded", "stalled"]);
const ANY_BYTES = Number.POSITIVE_INFINITY;

/** limit -> [of a program that has none, of a policy that has none]. */
const LIMITS = new Map([
  ["max_steps", [1000n, 10_000n]],
  ["max_calls", [1000n, 10_000n]],
  ["max_tokens", [10n ** 9n, 10n ** 12n]],
  ["max_stalled", [100n, 1000n]],
  ["max_visits", [1n, 10_000n]],
]);

/** Documents by name as a map of values, each read when it is used; the value of the id null is null. */
export class Documents extends Map {
  constructor(core, ids) {
    super();
    this.core = core;
    this.ids = ids;
  }

  has(name) {
    return this.ids.has(name);
  }

  get(name) {
    const id = this.ids.get(name);
    return id === null ? null : this.core.document(id);
  }
}

export class Core {
  #trees = new Map(); // name -> {ids: Map, isChanged}
  #fixed = new Map(); // id of a tree of the policy -> its entries
  #values = new Map(); // id of a document -> its value
  #events = [];
  moves = 0; // nodes that were entered for the current message
  pending = null; // the node that is entered next

  /** `outbox` is a Map, which is changed. */
  constructor(workspace, actor, id, outbox) {
    Object.assign(this, { workspace, actor, outbox });
    this.entries = new Map(workspace.read(id).entries);
  }

  // Documents

  /** The value of a document. Throws Failure failed if it was erased. Spec: flow.step.function. */
  document(id, most = VALUE_BYTES) {
    if (!this.#values.has(id)) this.#values.set(id, readValue(this.workspace.read(id), most));
    const value = this.#values.get(id);
    if (value === undefined) throw new ErasedDocument("a document of the core");
    return value;
  }

  /** The value of an entry that is a document; undefined if it is absent. */
  value(name, most) {
    return this.entries.has(name) ? this.document(this.entries.get(name), most) : undefined;
  }

  get program() {
    return this.value("program", PROGRAM_BYTES);
  }

  get policy() {
    return this.document(this.policyDocument);
  }

  /** Throws Failure failed if a document was erased that every transition needs. Spec: flow.step.function. */
  requireDocuments() {
    if (this.state.status !== "rejected") for (const name of ["program", "policy"]) void this[name];
  }

  /** The id of the document of the policy. */
  get policyDocument() {
    return this.#entriesOf(this.entries.get("policy")).get("doc");
  }

  /** The entries of a tree, or of no tree, as a Map that must not be altered. */
  #entriesOf(id) {
    if (!this.#fixed.has(id)) this.#fixed.set(id, new Map(id && this.workspace.read(id).entries));
    return this.#fixed.get(id);
  }

  node(name) {
    return this.program.get("nodes").get(name);
  }

  tool(name) {
    return this.policy.get("tools").get(name);
  }

  /** The digest of the value of a document. */
  digestOf(id) {
    this.document(id, PROGRAM_BYTES);
    return hashOf(this.workspace.read(id).data);
  }

  writeDocument(value) {
    return this.workspace.writeBlob(encodeValue(value, ANY_BYTES), [["ct", "cbor"]]);
  }

  // Peers

  /** The actor of a peer; undefined if there is none. */
  peer(name) {
    return this.#entriesOf(this.#entriesOf(this.entries.get("policy")).get("peers")).get(name);
  }

  isPeer(actor, names) {
    return names.some((name) => this.peer(name) === actor);
  }

  /** The peers in `timer`, `eraser` or `agent` of the policy: one or none. */
  single(role) {
    return this.policy.has(role) ? [this.policy.get(role)] : [];
  }

  /** The peers in `events` or `control` of the policy. */
  several(role, name) {
    return this.policy.get(role)?.get(name) ?? [];
  }

  // Trees

  #load(name) {
    const id = this.entries.get(name);
    if (id === undefined) return new Map();
    if (name === "sent" && !this.isParallel) return new Map([[this.state.at, id]]);
    return new Map(this.workspace.read(id).entries);
  }

  /** A tree as a Map of ids. It must not be altered. */
  tree(name) {
    if (!this.#trees.has(name)) this.#trees.set(name, { ids: this.#load(name), isChanged: false });
    return this.#trees.get(name).ids;
  }

  #change(name) {
    const ids = this.tree(name);
    this.#trees.get(name).isChanged = true;
    return ids;
  }

  put(name, key, id) {
    this.#change(name).set(key, id);
  }

  drop(name, key) {
    if (this.tree(name).has(key)) this.#change(name).delete(key);
  }

  /** The id of an entry as it is now; undefined if it is absent. */
  current(name) {
    const { ids, isChanged } = this.#trees.get(name) ?? {};
    if (isChanged) this.#writeEntry(name, ids);
    return this.entries.get(name);
  }

  clear(name) {
    this.#change(name).clear();
  }

  documents(name) {
    return new Documents(this, this.tree(name));
  }

  /** Make a tree of an object of ids, without those that are undefined. */
  writeTree(ids) {
    return this.workspace.write({ kind: "tree", entries: [...members(ids)] });
  }

  /** Names as a tree of their sealed blobs; undefined for no names. */
  refsTree(names) {
    const refs = this.tree("refs");
    const entries = [...new Set(names)].filter((name) => refs.has(name)).map((name) => [name, refs.get(name)]);
    return entries.length === 0 ? undefined : this.workspace.write({ kind: "tree", entries });
  }

  // State

  load() {
    const state = [...this.document(this.entries.get("state"), ANY_BYTES)];
    this.state = Object.fromEntries(
      state.map(([name, value]) => [name, value instanceof Map ? new Map(value) : value]),
    );
    return this;
  }

  get isTerminal() {
    return TERMINAL.has(this.state.status);
  }

  get isInterrupted() {
    return INTERRUPTED.has(this.state.status);
  }

  get isOpen() {
    return this.state.at !== null;
  }

  get isParallel() {
    return this.isOpen && this.node(this.state.at).get("kind") === "parallel";
  }

  /** An open call or wait, or a call that is about to be open: {node, sub, key, work}; `key` is that of `flight`. */
  place(key) {
    const { at } = this.state;
    const node = this.node(at);
    if (!this.isParallel) return { node: at, key, work: node };
    return { node: at, sub: key, key, work: node.get("calls").get(key) };
  }

  #limits(name) {
    const [program, policy] = LIMITS.get(name);
    return [this.program.get("limits")?.get(name) ?? program, this.policy.get("limits")?.get(name) ?? policy];
  }

  /** The smaller limit. Spec: flow.budget.both. */
  least(name) {
    const [program, policy] = this.#limits(name);
    return program < policy ? program : policy;
  }

  get maxReplans() {
    return this.policy.get("limits")?.get("max_replans") ?? 0n;
  }

  /** What the flows before have spent. */
  carried(what) {
    return this.value("carry")?.get(what) ?? 0n;
  }

  /** Whether a number of `steps`, `calls` or `tokens` would exceed a limit. Spec: flow.budget.both. */
  exceeds(what, number) {
    const [program, policy] = this.#limits(`max_${what}`);
    const sum = number + this.carried(what); // read in any case, so that an erased document is found
    return number > program || sum > policy;
  }

  log(e, about = {}) {
    this.#events.push(members({ e, ...about }));
  }

  #isSuspended() {
    return [...this.state.flight.values()].every((flight) => ["pending", "waiting"].includes(flight.get("phase")));
  }

  /** The id of the core with its state. Spec: flow.status.suspended, flow.trace.complete. */
  write() {
    const { entries, state } = this;
    for (const [name, { ids, isChanged }] of this.#trees) if (isChanged) this.#writeEntry(name, ids);
    if (this.isOpen) state.status = this.#isSuspended() ? "suspended" : "running";
    const seq = state.seq + BigInt(this.#events.length);
    entries.set("state", this.writeDocument(members({ ...state, log: this.#events, seq })));
    return this.workspace.write({ kind: "tree", entries: [...entries] });
  }

  #writeEntry(name, ids) {
    if (ids.size === 0) this.entries.delete(name);
    else if (name === "sent" && !this.isParallel) this.entries.set(name, ids.get(this.state.at));
    else this.entries.set(name, this.workspace.write({ kind: "tree", entries: [...ids] }));
  }

  // Messages

  /** Queue a message: its id. Spec: flow.call.exact. */
  send(receiver, mt, content, headers = []) {
    const previous = this.outbox.get(receiver) ?? null;
    const sent = this.workspace.write({ kind: "message", previous, headers: [...headers, ["mt", mt]], content });
    this.outbox.set(receiver, sent);
    return sent;
  }

  /** Make a packet with a document and the sealed blobs of its refs. Spec: flow.call.refs. */
  packet(value, entries = {}) {
    const refs = this.refsTree([...refsIn(value)]);
    return this.writeTree({ doc: this.writeDocument(value), flow: this.actor, refs, ...entries });
  }

  // Refs

  /** The names whose erasure was requested, as a Set. */
  get erased() {
    return new Set(this.value("erased"));
  }

  /** Add the sealed blobs of an accepted value. */
  accept(refs) {
    for (const [name, id] of refs) if (!this.tree("refs").has(name)) this.put("refs", name, id);
  }
}

/** The state of a flow that has not begun. */
export const firstState = () => ({
  v: 1n,
  status: "running",
  at: null,
  steps: 0n,
  calls: 0n,
  tokens: 0n,
  reserved: 0n,
  idle: 0n,
  seq: 0n,
});

export const inKeyOrder = (names) => [...names].toSorted(compareNames);
