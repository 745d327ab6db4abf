// One operation: a private run of steps from its roots to the record. Nothing of it is stored here.
//
// A step fails with a Fault, which fails the innermost frame. What fails a frame further out is a FrameEnd.

import { admit } from "../wit/admission.js";
import { writeStep } from "../wit/steps.js";
import { Act } from "./act.js";
import { answerMessage } from "./answers.js";
import { FrameEnd, asFault, exhausted } from "./fault.js";
import { Frame, limitOf } from "./frame.js";
import { PrivateCopy } from "./private-copy.js";
import { Sizes } from "./sizes.js";
import { typeOf } from "../wit/channels.js";
import { withoutTimer } from "./timers.js";
import { unitsOf, weightOfMessage } from "./weighing.js";

const MOST_STEPS = 1000;
const MOST_DEPTH = 16;
const MOST_HEADS = 1000;

export class Operation {
  taken = 0;
  spent = 0n;
  savepoints = []; // {sender, target, id, fault}
  steps = 0; // of actors
  #frames = [];
  #timers = 0; // messages image.timer that were taken
  #reads = new Map(); // actor -> its head before
  #sizes = null;

  /**
   * `context` is {workspace, view, store, agent, kernel, ledger, seq, clock, fuel: the limit, transitionMs}; `roots` are
   * {sender, target, id, message, mode, timer, isOld}, where timer is the handle of a timer that fires, or null, and isOld says that
   * the message was sent before.
   */
  constructor(context, roots) {
    Object.assign(this, context);
    this.roots = roots;
    this.copy = new PrivateCopy(this.store, this.view);
  }

  // ---- outcome

  /** Run it: its failure, or null. */
  run() {
    for (const root of this.roots) this.#sendRoot(root);
    const fault = this.#runRoots();
    if (fault !== null) this.#fail(fault);
    return fault;
  }

  /** The agent has sent a root in the private copy, unless that was a post. */
  #sendRoot({ sender, target, isOld }) {
    if (!isOld) this.copy.noteSent(sender, target);
  }

  #runRoots() {
    const fault = this.#runFrame(new Frame(this.roots, this.fuel, 0n));
    return fault ?? this.#limitFault();
  }

  /** Spec: image.op.limits, image.quota.hard. */
  #limitFault() {
    const { moved } = this.copy;
    const gone = moved.filter(({ isGone }) => isGone).length;
    if (moved.length + this.reads.length + gone > MOST_HEADS) return exhausted("heads");
    return this.ledger.findExcess(this, moved);
  }

  /** Spec: image.op.failure-step. */
  #fail(fault) {
    this.copy.undoTo(0);
    this.steps = 0;
    this.#reads.clear();
    this.roots = this.roots.map((root) => ({ ...root, isSent: this.copy.head(root.target) !== undefined }));
    const frame = new Frame([], null, 0n);
    for (const root of this.roots.filter(({ isSent }) => isSent)) {
      this.#sendRoot(root);
      this.#failureStep(frame, root, fault, "post");
    }
  }

  /** The lines `read` of the record. */
  get reads() {
    const reads = [...this.#reads].filter(([actor, head]) => this.copy.head(actor)?.id === head.id);
    return reads.map(([actor, head]) => ({ actor, head })).sort((a, b) => (a.actor < b.actor ? -1 : 1));
  }

  /** The core of another actor was read. Spec: image.serial.read. */
  noteRead(actor) {
    const head = this.view.heads.get(actor);
    if (head !== undefined) this.#reads.set(actor, head);
  }

  // ---- frames

  /** Run a frame to its end: its failure, or null. Throws FrameEnd for a frame around it. */
  #runFrame(frame) {
    this.#frames.push(frame);
    try {
      for (let x = frame.take(); x !== undefined; x = frame.take()) {
        if (x.mode === "save" && x !== frame.first) this.#runSavepoint(frame, x);
        else this.#take(frame, x);
      }
      return null;
    } catch (error) {
      if (error instanceof FrameEnd) return this.#endedBy(frame, error);
      return asFault(error);
    } finally {
      this.#frames.pop();
    }
  }

  #endedBy(frame, error) {
    if (error.frame !== frame) throw error;
    return error.fault;
  }

  #endAll(code) {
    return new FrameEnd(this.#frames[0], exhausted(code));
  }

  /** Spec: image.op.savepoint. */
  #runSavepoint(frame, x) {
    if (this.#frames.length > MOST_DEPTH) throw this.#endAll("depth");
    const { mark } = this.copy;
    const { steps } = this;
    const fault = this.#runFrame(new Frame([x], limitOf(x), this.spent));
    if (fault === null) return;
    this.copy.undoTo(mark);
    this.steps = steps;
    this.savepoints.push({ sender: x.sender, target: x.target, id: x.id, fault });
    this.#failureStep(frame, x, fault, "join");
  }

  /** Charge units of fuel. Throws FrameEnd for the outermost frame whose limit would be passed. Spec: image.fuel.exact. */
  charge(units) {
    const passed = this.#frames.find((frame) => frame.limit !== null && frame.rest(this.spent) < units);
    if (passed !== undefined) throw new FrameEnd(passed, exhausted("fuel"));
    this.spent += units;
  }

  /** The least that is left in an open frame with a limit, and the outermost frame where it is. */
  get rest() {
    const limited = this.#frames.filter(({ limit }) => limit !== null);
    return limited
      .map((frame) => ({ frame, units: frame.rest(this.spent) }))
      .reduce((least, each) => (each.units < least.units ? each : least));
  }

  // ---- steps

  #take(frame, x) {
    if (this.taken === MOST_STEPS) throw this.#endAll("steps");
    this.taken += 1;
    this.charge(unitsOf(this.#weigh(x)));
    if (typeOf(x.message) === "image.timer") {
      x.timerIndex = this.#timers;
      this.#timers += 1;
    }
    const act = this.#begin(frame, x);
    answerMessage(act);
    this.#adopt(act);
    const excess = this.ledger.findGrowth(this, act.actor, act.last ?? null);
    if (excess !== null) throw new FrameEnd(this.#frames[0], excess);
  }

  #weigh(x) {
    this.#sizes ??= this.workspace.mayBeErased ? new Sizes() : this.ledger.sizes; // what is erased has no size
    const { copy, workspace } = this;
    return weightOfMessage({ copy, workspace, pinned: (actor) => this.pinnedCore(actor) }, x, this.#sizes);
  }

  #begin(frame, x) {
    const act = new Act(this, frame, x);
    const { last } = act;
    act.coreBefore = last === undefined ? null : withoutTimer(this.workspace, last.core, x.timer);
    return act;
  }

  /** When a guest that begins now has to end. */
  get deadline() {
    return this.transitionMs === 0 ? Infinity : performance.now() + this.transitionMs;
  }

  /** The core whose code an actor runs. Spec: image.code.pinned. */
  pinnedCore(actor) {
    return this.view.heads.get(actor)?.core ?? actor;
  }

  #failureStep(frame, x, fault, mode) {
    const act = this.#begin(frame, x);
    const isNotified = x.sender !== this.agent && typeOf(x.message) !== "failed";
    if (isNotified) this.#notify(act, fault, mode);
    this.#adopt(act);
  }

  /** Spec: image.op.notice. */
  #notify(act, { faultClass, code }, wanted) {
    const { x, workspace } = act;
    const headers = Object.entries({ mt: "failed", class: faultClass, code, reply: x.id });
    const mode = act.isOutOfOrder(x.sender, wanted) ? "post" : wanted;
    act.post(x.sender, mode, headers, workspace.writeBlob(Buffer.alloc(0)));
  }

  /** Make the step of an act the head of its actor in the private copy. */
  #adopt(act) {
    const { actor, last, x, frame, outbox, sent } = act;
    const core = act.coreAfter ?? act.core?.id() ?? act.coreBefore ?? actor;
    const inbox = new Map(last?.inbox).set(x.sender, x.id);
    const fields = { previous: last?.id ?? null, actor, inbox, outbox, core };
    const id = writeStep(this.workspace, fields);
    const proposal = { kind: last === undefined ? "genesis" : "ordinary", covered: [x] };
    admit(this.workspace, { actor, last: last ?? null, proposal }, id);
    this.copy.move({ id, ...fields });
    this.copy.noteRead(x);
    for (const { target, mode, id: message, message: object } of sent) {
      this.copy.noteSent(actor, target);
      if (mode !== "post") frame.add({ sender: actor, target, id: message, message: object, mode, timer: null });
    }
    this.steps += 1;
    if (act.isLast) this.copy.end(actor);
  }

  /** Whether an actor other than a principal itself has it as its owner, in the private copy. */
  ownsOthers(principal) {
    const isOther = (actor) => actor !== principal && this.copy.head(actor) !== undefined;
    const born = this.copy.moved.filter(({ before, isGone }) => before === null && !isGone);
    const isOwned = ({ after }) => this.ledger.ownerOf(this.workspace, after) === principal;
    return born.some((each) => isOther(each.actor) && isOwned(each)) || this.ledger.owned(principal).some(isOther);
  }
}
