// A session that a transition works on: the parts of its core, and the outbox to its host.
//
// Methods that change it end with a change(), which counts it. Trees and blobs are made when an id is needed.

import { follow } from "../wit/paths.js";
import { members, spell } from "./json.js";
import { indexName, loadParts } from "./loading.js";
import { roleOf } from "./messages.js";

const MOST_TURNS = 8;

/** The host of the session in a core, or null. Spec: session.guest.host. */
export function findHost({ read }, core) {
  const host = follow(read, core, ["session", "host"]);
  return host !== null && read(host)?.kind === "tree" ? host : null;
}

export class Session {
  #core; // entries of the core
  #fixed = new Map(); // entries of `session` that only configure changes
  #isChanged = false;

  constructor(workspace, actor, core) {
    this.workspace = workspace;
    this.actor = actor;
    this.#core = new Map(workspace.read(core).entries);
    const parts = loadParts(workspace, this.#core);
    this.isDamaged = parts === null;
    if (this.isDamaged) return;
    Object.assign(this, parts);
    const session = new Map(workspace.read(this.#core.get("session")).entries);
    for (const name of ["host", "nonce", "config", "tools"])
      if (session.has(name)) this.#fixed.set(name, session.get(name));
  }

  /** Make a blob {ct: s}. */
  text(data) {
    return this.workspace.writeBlob(Buffer.from(data), [["ct", "s"]]);
  }

  /** Make the blob of a value. */
  json(value) {
    return this.workspace.writeBlob(Buffer.from(spell(value)), [["ct", "j"]]);
  }

  /** Make a message of the history: its id. */
  message(headers, data) {
    const sorted = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return this.workspace.writeBlob(Buffer.from(data), sorted);
  }

  append(id) {
    this.messages.push(id);
    this.history += 1;
  }

  /** The role of a message that is present, or null for an erased one. */
  role(index) {
    const message = this.workspace.read(this.messages[index - this.covered]);
    return message === null ? null : roleOf(message);
  }

  /** Replace an entry by a blob, or remove it. */
  configure(name, id, value) {
    this[name] = value;
    if (id === null) this.#fixed.delete(name);
    else this.#fixed.set(name, id);
  }

  /** Record a turn. Spec: session.commit.recorded. */
  record(turn, response, result) {
    const entries = { count: this.text(String(this.count)), response, result };
    const id = this.workspace.write({ kind: "tree", entries: Object.entries(entries) });
    this.turns.set(turn, { id, count: this.count, response, result });
    if (this.turns.size <= MOST_TURNS) return;
    const [[oldest]] = [...this.turns].toSorted(([a, x], [b, y]) => x.count - y.count || (a < b ? -1 : 1));
    this.turns.delete(oldest);
  }

  /** The open calls without a result, in the order of the calls. */
  get waiting() {
    return [...this.calls.keys()].filter((call) => !this.results.has(call));
  }

  /** Put the messages of all calls of the round into the history. */
  closeRound() {
    for (const call of this.calls.keys()) this.append(this.results.get(call));
    this.calls = new Map();
  }

  /** Count a change. */
  change() {
    this.count += 1;
    this.#isChanged = true;
  }

  /** The state root. */
  root() {
    return this.#isChanged ? this.#make() : this.#core.get("session");
  }

  /** The id of the core. */
  core() {
    if (!this.#isChanged) return null;
    const entries = new Map(this.#core).set("session", this.root());
    const effects = this.#tree([...this.effects].map(([name, id]) => [name, this.text(id)]));
    if (effects === null) entries.delete("effects");
    else entries.set("effects", effects);
    return this.workspace.write({ kind: "tree", entries: [...entries] });
  }

  #tree(entries) {
    return entries.length === 0 ? null : this.workspace.write({ kind: "tree", entries });
  }

  #make() {
    const { count, covered, history, phase, rounds } = this;
    const parts = {
      history: this.#tree(this.messages.map((id, i) => [indexName(covered + i), id])),
      state: this.json(members({ count, covered, history, phase, rounds })),
      summary: this.summary?.id ?? null,
      calls: this.#tree([...this.calls].map(([call, { id }]) => [call, id])),
      results: this.#tree([...this.results]),
      turns: this.#tree([...this.turns].map(([turn, { id }]) => [turn, id])),
      ask: this.#ask(),
    };
    return this.#tree([...this.#fixed, ...Object.entries(parts).filter(([, id]) => id !== null)]);
  }

  #ask() {
    if (this.ask === null) return null;
    const { message, requestId, corr } = this.ask;
    const entries = [
      ["message", this.text(message)],
      ["request", requestId],
    ];
    return this.#tree(corr === null ? entries : [...entries, ["corr", this.text(corr)]]);
  }
}
