// An image on a runtime: its requests. Each operation is made and committed inside one group of the store, on its latest state, so no other
// runtime comes between.

import { Refusal, exhausted, invalid, malformed, rejected } from "../refusal.js";
import { advanceAgent, goneName, headName } from "../runtime/agent.js";
import { writeStep } from "../wit/steps.js";
import { Workspace } from "../wit/workspace.js";
import { idAt, ownerIn, quotaIn } from "./cores.js";
import { MOST } from "./forms.js";
import { Journal } from "./journal.js";
import { kernelOf, isImage, writeKernel } from "./kernel-actor.js";
import { Keys } from "./keys.js";
import { Ledger } from "./ledger.js";
import { listActors } from "./listing.js";
import { Operation } from "./operation.js";
import { checkOutside } from "./outside.js";
import { writeRecord } from "./record.js";
import { Rollback } from "./rollback.js";
import { Schedule } from "./schedule.js";
import { Scratch } from "./scratch.js";
import { rootOf, worldAt } from "./worlds.js";

const KEY = /^[\x21-\x7e]{1,64}$/;
const SLICE_MS = 8;
const SPACES = ["heads", "failed", "archived", "closed", "gone", "moved", "adopted"];

const noImage = (message) => rejected(message, "image");

export class Image {
  #worker;
  #ledger = null; // each is made when it is first needed
  #schedule = null;
  #keys = null;
  #isOver = false;

  constructor(worker) {
    this.#worker = worker;
    Object.assign(this, { store: worker.store, view: worker.view, agent: worker.agent });
    this.kernel = kernelOf(this.store.format);
    this.journal = new Journal(this.store, this.agent, this.kernel);
  }

  end() {
    this.#isOver = true;
  }

  // ---- state

  /** Bring what is kept in memory up to date with the journal. */
  #sync() {
    this.view.update();
    const entries = this.journal.catchUp();
    if (entries === null || entries.some(({ readable }) => readable === null)) {
      this.#ledger = null;
      this.#schedule = null;
      this.#keys = null;
    }
    for (const entry of entries ?? []) this.#take(entry);
  }

  #take(entry) {
    this.#keys?.take(entry);
    if (this.#ledger === null) return;
    const { moved, agentMoved } = entry;
    const noted = this.#schedule?.note(moved);
    this.#ledger.take(moved, agentMoved);
    this.#schedule?.take(entry, noted);
  }

  get #theLedger() {
    this.#ledger ??= new Ledger(this.view, this.agent, this.kernel);
    return this.#ledger;
  }

  #demandImage() {
    if (!isImage(this.store)) throw noImage("the store is no image");
  }

  /** Run `work` alone on the store, as it is now. */
  #within(work) {
    return this.#worker.within(() => {
      this.#demandImage();
      this.#sync();
      return work();
    });
  }

  /** Read the store as it is now. */
  #look() {
    this.#worker.look();
    this.#demandImage();
  }

  // ---- start

  /** {kernel}. Throws Refusal rejected/image. Spec: image.start.made, image.start.fresh. */
  start() {
    if (!this.#worker.isFree) throw noImage("the schedule is chosen");
    this.#worker.within(() => this.#start());
    return { kernel: this.kernel };
  }

  #start() {
    const workspace = new Workspace(this.store);
    const head = this.view.heads.get(this.agent);
    const genesis = (content) =>
      workspace.write({ kind: "message", previous: null, headers: [["mt", "genesis"]], content });
    const stepOf = (actor, inbox) =>
      writeStep(workspace, { previous: null, actor, inbox: new Map(inbox), outbox: new Map(), core: actor });
    const isFirst = stepOf(this.agent, [[this.agent, genesis(this.agent)]]) === head.id;
    const others = this.store.backend.references.all().filter(([name]) => name !== headName(this.agent));
    if (!isFirst || others.some(([name]) => SPACES.includes(name.split("/", 1)[0])))
      throw noImage("the store is not fresh");
    const kernel = writeKernel(workspace);
    const begin = genesis(kernel);
    const first = stepOf(kernel, [[this.agent, begin]]);
    const change = advanceAgent(workspace, head, { outbox: [[kernel, begin]] });
    workspace.commit([change, { name: headName(kernel), old: null, new: first }]);
  }

  // ---- operations

  /** Make the messages of the agent that are roots: [{to, headers, content}, ...]. */
  #rootsOf(workspace, messages) {
    const last = new Map(this.view.heads.get(this.agent).outbox);
    return messages.map(({ to, headers, content, timer = null }) => {
      const message = { kind: "message", previous: last.get(to) ?? null, headers, content };
      const id = workspace.write(message);
      last.set(to, id);
      return { sender: this.agent, target: to, id, message, mode: "post", timer, isOld: false };
    });
  }

  /** The limit of fuel of an operation. */
  #fuelOf({ target }) {
    const { heads, read } = this.view;
    const core = heads.get(target)?.core ?? target;
    const owner = ownerIn(read, target, core);
    const quota = quotaIn(read, owner === target ? core : (heads.get(owner)?.core ?? owner));
    return quota?.get("fuel") ?? 0n;
  }

  /** Run an operation with roots and commit it: {seq, outcome, steps}. */
  #operate(workspace, roots, fuel = this.#fuelOf(roots[0])) {
    const image = this;
    const { seq, clock } = this.journal.newest.record;
    const context = {
      workspace,
      store: this.store,
      view: this.view,
      agent: this.agent,
      kernel: this.kernel,
      get ledger() {
        return image.#theLedger;
      },
      seq: seq + 1,
      clock,
      fuel,
      transitionMs: this.#worker.transitionMs,
    };
    const operation = new Operation(context, roots);
    const fault = operation.run();
    const { spent, savepoints, copy, reads, steps } = operation;
    const record = { seq: seq + 1, clock, roots, fuel: spent, fault, savepoints, moved: copy.moved, reads };
    const sent = operation.roots.filter(({ isOld, isSent = true }) => !isOld && isSent);
    this.#commit(workspace, record, { outbox: sent.map(({ target, id }) => [target, id]) });
    const outcome = fault === null ? { committed: {} } : { failed: { class: fault.faultClass, code: fault.code } };
    return { seq: seq + 1, outcome, steps };
  }

  /** Commit an operation without roots: its number. Spec: image.runtime.inject. */
  #operateAlone(workspace, boxes, now = null) {
    const { seq, clock } = this.journal.newest.record;
    const nothing = { roots: [], fuel: 0n, fault: null, savepoints: [], moved: [], reads: [] };
    this.#commit(workspace, { ...nothing, seq: seq + 1, clock: now ?? clock }, boxes);
    return seq + 1;
  }

  /** The one update of an operation. Spec: image.op.one-step, image.op.atomic. */
  #commit(workspace, record, { outbox = [], inbox = [] }) {
    const [agent, kernel] = [this.agent, this.kernel].map((actor) => this.view.heads.get(actor));
    const content = writeRecord(workspace, record);
    const message = workspace.write({
      kind: "message",
      previous: agent.outbox.get(this.kernel) ?? null,
      headers: [["mt", "image.op"]],
      content,
    });
    const changes = [
      advanceAgent(workspace, agent, { outbox: [...outbox, [this.kernel, message]], inbox }),
      { name: headName(this.kernel), old: kernel.id, new: this.#kernelStep(workspace, kernel, message, content) },
      ...record.moved.flatMap(changesOf),
    ];
    const stored = new Workspace(this.store);
    for (const { new: target } of changes) if (target !== null) stored.takeOver(workspace, target);
    if (!stored.commit(changes)) throw new Error("the references changed inside a group");
    if (workspace instanceof Scratch) workspace.learn();
  }

  #kernelStep(workspace, head, message, record) {
    const entries = Object.entries({ op: record, wit: idAt(workspace.read, head.core, ["wit"]) });
    const core = workspace.write({ kind: "tree", entries });
    return writeStep(workspace, {
      ...head,
      previous: head.id,
      inbox: new Map(head.inbox).set(this.agent, message),
      core,
    });
  }

  /** {seq, outcome}. Throws Refusal. Spec: image.request.reply, image.request.once. */
  request({ messages, key }) {
    return this.#within(() => {
      if (key !== undefined && !KEY.test(key)) throw invalid("the key is not 1 to 64 bytes from 21 to 7E", "key");
      if (key !== undefined) this.#keys ??= new Keys(this.journal, this.agent);
      const recorded = key === undefined ? undefined : this.#keys.find(key);
      if (recorded !== undefined) return recorded;
      checkOutside(this, messages);
      const [first, ...others] = messages;
      const headers = key === undefined ? first.headers : [...first.headers, ["key", key]];
      const workspace = new Scratch(this.store);
      const roots = this.#rootsOf(workspace, [{ ...first, headers }, ...others]);
      const { seq, outcome } = this.#operate(workspace, roots);
      return { seq, outcome };
    });
  }

  /** {seq}. Throws Refusal. Spec: image.clock.forward. */
  setClock(now) {
    return this.#within(() => {
      if (now > MOST) throw malformed("the time is above 2^63 - 1", "clock");
      const { clock } = this.journal.newest.record;
      if (now < clock) throw rejected(`the clock is at ${clock} already`, "clock");
      return { seq: this.#operateAlone(new Scratch(this.store), {}, now) };
    });
  }

  /** {seq, outcome}. Throws Refusal. Spec: image.world.rollback, image.world.rollback-refused. */
  rollback(to) {
    return this.#within(() => {
      const workspace = new Scratch(this.store);
      const rollback = new Rollback(this, workspace, worldAt(this.journal, to));
      const { messages } = rollback;
      if (messages.length === 0) return { seq: this.#operateAlone(workspace, {}), outcome: { committed: {} } };
      if (messages.length > rollback.most) throw exhausted("the rollback has too many roots", "steps");
      const isWaiting = messages.some((each) => this.view.mailTo(each.to).has(this.agent));
      if (isWaiting) throw rejected("a message of the agent waits", "order");
      const { seq, outcome } = this.#operate(workspace, this.#rootsOf(workspace, messages), rollback.fuel);
      return { seq, outcome };
    });
  }

  // ---- operations of the profile runtime

  /** Inside a group: the id of the message that the agent sends. Spec: image.runtime.inject. */
  inject({ to, headers, content, mode }) {
    this.#sync();
    checkOutside(this, [{ to, headers, content }], mode);
    const workspace = new Scratch(this.store);
    const [{ id }] = this.#rootsOf(workspace, [{ to, headers, content }]);
    this.#operateAlone(workspace, { outbox: [[to, id]] });
    return id;
  }

  /** Inside a group: let the agent change its mailboxes, as advanceAgent() does, in an operation of its own. */
  advance(workspace, boxes) {
    this.#sync();
    this.#operateAlone(workspace, boxes);
  }

  /** A promise of {cause, steps, parked}. Spec: image.runtime.run, image.post.held. */
  async run(maxSteps) {
    let steps = 0;
    for (;;) {
      const slice = this.#within(() => this.#runSlice(maxSteps - steps));
      steps += slice.steps;
      if (slice.error !== null) throw slice.error;
      if (slice.cause !== null) return { cause: slice.cause, steps, parked: [] };
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isOver) throw noImage("the runtime was stopped");
    }
  }

  /** Run operations for a few milliseconds: {cause, steps, error}. Those before an error are kept. */
  #runSlice(maxSteps) {
    const until = performance.now() + SLICE_MS;
    let steps = 0;
    try {
      do {
        const made = this.#runNext();
        if (made === null) return { cause: "rest", steps, error: null };
        steps += made;
        if (steps >= maxSteps) return { cause: "max-steps", steps, error: null };
      } while (performance.now() < until);
      return { cause: null, steps, error: null };
    } catch (error) {
      if (error instanceof Refusal && steps > 0) return { cause: null, steps, error };
      throw error;
    }
  }

  /** Run the next root: how many steps of actors that made, or null at rest. */
  #runNext() {
    this.#sync();
    this.#schedule ??= new Schedule(this, this.#theLedger);
    const next = this.#schedule.next(this.journal.newest.record.clock);
    if (next === null) return null;
    const workspace = new Scratch(this.store);
    const [root] =
      next.post === undefined ? this.#rootsOf(workspace, [timerRoot(workspace, next.timer)]) : [rootOfPost(next.post)];
    return this.#operate(workspace, [root]).steps;
  }

  // ---- reading

  /** {actors, more}. */
  list(query) {
    this.#look();
    return listActors(this, query);
  }

  /** {records, more}. Throws Refusal missing. Spec: image.log.exact. */
  log({ from, limit }) {
    this.#look();
    const newest = this.journal.newest.record.seq;
    const to = Math.min(newest, from + limit - 1);
    const records = [];
    let seq = newest;
    for (const entry of from > newest ? [] : this.journal.back()) {
      if (seq <= to) records.push(recordBytes(entry));
      if (seq === from) break;
      seq -= 1;
    }
    return { records: records.reverse(), more: newest > to };
  }

  /** {seq, root, refs, more}. Throws Refusal missing. */
  world({ seq = null, after, limit }) {
    this.#look();
    const world = worldAt(this.journal, seq);
    const left = after === null ? world.refs : world.refs.filter(([name]) => name > after);
    const root = rootOf(this.store.format, world.refs);
    return { seq: world.seq, root, refs: left.slice(0, limit), more: left.length > limit };
  }
}

function recordBytes(entry) {
  return (entry.object ?? entry.record).data.toString("base64url"); // which refuses what was erased
}

const rootOfPost = (post) => ({ ...post, mode: "post", timer: null, isOld: true });

function timerRoot(workspace, { actor, handle, mt }) {
  const headers = Object.entries({ mt, timer: handle });
  return { to: actor, headers, content: workspace.writeBlob(Buffer.alloc(0)), timer: handle };
}

/** The changes of references of a head that moved. */
function changesOf({ actor, before, after, isGone }) {
  const head = { name: headName(actor), old: before?.id ?? null, new: isGone ? null : after.id };
  return isGone ? [head, { name: goneName(actor), old: null, new: after.id }] : [head];
}
