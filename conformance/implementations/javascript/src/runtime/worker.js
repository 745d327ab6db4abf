// The worker of a runtime: starts runs, continues them after they slept, and passes their outcomes on.
//
// All of it happens in one thread, in slices of a few milliseconds. A slice holds the store, and what it commits is
// appended as one write at its end; between slices requests are answered, and other processes get the store. A
// transition that sleeps blocks nothing else.

import { isImage } from "../image/kernel-actor.js";
import { Refusal, exhausted } from "../refusal.js";
import { RestoreRequests } from "../session/host/requests.js";
import { Failure, failed } from "../wit/failure.js";
import { listChoices, pickChoice } from "./choices.js";
import { Memo } from "./memo.js";
import { Outcomes, asFull } from "./outcomes.js";
import { Run } from "./run.js";
import { View } from "./view.js";

const SLICE_MS = 8;
const FULL_MS = 250; // until it is tried again when there was no room

export class Worker {
  #memos = new Map(); // actor -> Memo, of those of whom there is something to remember
  #runs = new Map(); // actor -> Run
  #queue = new Set(); // actors of which something may be proposable, the longest waiting first
  #awake = []; // runs that slept
  #ended = []; // {run, step} or {run, error} of this slice
  #waiting = []; // {from, maxSteps, resolve, reject} of runtime.run
  #steps = 0; // of actors, adopted so far
  #rewrites;
  #seenTime; // up to which delays have been looked at
  #slice = null; // a timer
  #delay = null; // a timer
  #full = null; // {error, isAll, actors}: there was no room for what follows from their runs, or from any
  #isDraining = false;
  #onDrained = null;
  #isOver = false;
  onTouched = null; // called with each actor whose head, mark, mail or place has changed

  constructor(store, agent, clock, config) {
    this.store = store;
    this.agent = agent;
    this.clock = clock;
    this.config = config;
    this.isFree = config.schedule === "free";
    this.view = new View(store);
    this.#rewrites = store.backend.foreignRewrites;
    this.#seenTime = clock.now;
    const memoOf = (actor) => this.#memoOf(actor);
    this.restoreRequests = new RestoreRequests(store, this.view, agent);
    const { view, restoreRequests } = this;
    this.outcomes = new Outcomes({ store, view, agent, clock, config, memoOf, restoreRequests });
    this.look();
  }

  #memoOf(actor) {
    if (!this.#memos.has(actor)) this.#memos.set(actor, new Memo());
    return this.#memos.get(actor);
  }

  // ---- reading the store

  /** Read the changes that all processes have written so far. */
  look() {
    this.store.backend.refresh();
    this.#see();
  }

  #see() {
    this.view.update();
    if (this.#rewrites !== this.store.backend.foreignRewrites) {
      this.#rewrites = this.store.backend.foreignRewrites;
      for (const run of [...this.#runs.values()]) this.#abandon(run);
    }
    for (const actor of this.view.unmarked) this.#memos.get(actor)?.noteUnmarked();
    for (const actor of this.view.touched) {
      this.onTouched?.(actor);
      this.#memos.get(actor)?.noteChange();
      if (this.isFree && this.#hasWork(actor)) this.#queue.add(actor);
    }
    this.view.touched.clear();
    this.view.unmarked.clear();
  }

  /** Whether there is mail that an actor may read; without it no slice is needed, which would lock the store. */
  #hasWork(actor) {
    const mayRead = actor !== this.agent && this.view.mail.has(actor) && !this.view.isAway(actor);
    return mayRead && !isImage(this.store); // in an image, actors make steps in operations only
  }

  /** Run `work` alone on the store, on an up-to-date view; what it commits is one write. */
  within(work) {
    try {
      const result = this.#group(work);
      this.#see();
      return result;
    } finally {
      this.wake();
    }
  }

  #group(work) {
    try {
      const result = this.store.backend.group(() => {
        this.#see();
        return work();
      });
      this.restoreRequests.settle();
      return result;
    } catch (error) {
      this.restoreRequests.undo();
      throw error;
    }
  }

  /** Forget an actor that was collected. */
  forget(actor) {
    if (this.#runs.has(actor)) this.#abandon(this.#runs.get(actor));
    this.#memos.delete(actor);
  }

  pins() {
    const valid = [...this.#runs.values()].filter((run) => run.rewrites === this.store.backend.foreignRewrites);
    return valid.flatMap((run) => run.pins);
  }

  // ---- runs

  /** A run of an actor from its head, which has not begun. */
  newRun(actor, proposal, memo = new Memo()) {
    return new Run(this.store, this.view, actor, proposal, memo, this.transitionMs);
  }

  /** How long a transition may take, 0 for any time. */
  get transitionMs() {
    return this.clock.isSuite ? 0 : this.config.transition_ms;
  }

  #begin(actor, proposal) {
    const run = this.newRun(actor, proposal, this.#memoOf(actor));
    this.#runs.set(actor, run);
    this.#goOn(run);
    return run;
  }

  #goOn(run) {
    const outcome = this.#outcomeOf(run);
    if (outcome === null) return;
    this.#runs.delete(run.actor);
    try {
      const step = this.outcomes.conclude(run, outcome);
      if (step !== null) this.#steps += 1;
      this.#ended.push({ run, step });
      if (this.isFree) this.#queue.add(run.actor);
    } catch (error) {
      this.#noteFull(asFull(error), run.actor);
      this.#ended.push({ run, error });
    }
    this.#see();
    if (this.#memos.get(run.actor)?.isEmpty) this.#memos.delete(run.actor);
  }

  #outcomeOf(run) {
    try {
      return run.goOn(!this.clock.isSuite, (woken) => this.#wakeRun(woken));
    } catch (error) {
      if (error instanceof Failure) return { failure: error };
      if (!(error instanceof Refusal)) process.stderr.write(`${error.stack}\n`); // our own fault, and this actor's alone
      return { failure: failed(error.message) }; // something stored has been spoilt
    }
  }

  #wakeRun(run) {
    if (run.isAbandoned) return;
    this.#awake.push(run);
    this.#schedule();
  }

  #abandon(run) {
    run.abandon();
    this.#runs.delete(run.actor);
    this.#ended.push({ run, step: null });
    if (this.isFree) this.#queue.add(run.actor);
  }

  /** Run a proposal once: a promise of the step that became the head, or null. */
  runOnce(actor, proposal) {
    return new Promise((resolve, reject) => {
      let hasBegun = false;
      this.#slicing(() => {
        hasBegun = true;
        const run = this.#begin(actor, proposal);
        run.settle = ({ step, error }) => (error === undefined ? resolve(step) : reject(error));
      });
      if (!hasBegun) reject(exhausted("the medium is full"));
    });
  }

  // ---- slices

  /** Go on as soon as there is time, if there is anything to do. */
  wake() {
    if (this.#isOver) return;
    if (this.isFree && (this.#queue.size > 0 || this.view.isBehind || this.#waiting.length > 0)) this.#schedule();
  }

  #schedule() {
    if (!this.#isOver)
      this.#slice ??= setImmediate(() => {
        this.#slice = null;
        this.#slicing(() => {});
      });
  }

  #slicing(first) {
    if (this.#isOver) return;
    const steps = this.#steps;
    try {
      this.#group(() => {
        first();
        this.#work(performance.now() + SLICE_MS);
      });
    } catch (error) {
      this.#steps = steps;
      this.#lose(asFull(error));
    }
    for (const { run, ...end } of this.#ended.splice(0)) run.settle?.(end);
    this.#rearm();
  }

  #work(until) {
    for (const run of this.#awake.splice(0)) if (!run.isAbandoned) this.#goOn(run);
    while (this.#queue.size > 0 && !this.#isDraining && !this.#full?.isAll && performance.now() < until) {
      const [actor] = this.#queue;
      this.#queue.delete(actor);
      if (!this.#hasWork(actor) || this.#runs.has(actor) || this.#full?.actors.has(actor)) continue;
      const proposal = pickChoice(this.view, this.#memos.get(actor) ?? new Memo(), actor, this.clock.now);
      if (proposal !== null) this.#begin(actor, proposal);
    }
  }

  // The medium was full when the slice ended, so all its changes are discarded.
  #lose(error) {
    for (const end of this.#ended) Object.assign(end, { error });
    for (const run of [...this.#runs.values()]) this.#abandon(run);
    this.#noteFull(error, null);
    this.#see();
  }

  #noteFull(error, actor) {
    if (!this.isFree) return;
    this.#full ??= { error, isAll: false, actors: new Set() };
    if (actor === null) this.#full.isAll = true;
    else this.#full.actors.add(actor);
  }

  #rearm() {
    if (this.#isOver) return;
    if (this.#isDraining) this.#checkDrained();
    else if (this.isFree) this.#rearmFree();
  }

  // Everything here is of one moment: a delay that ends later ends for the next slice.
  #rearmFree() {
    this.#queueDue();
    this.#answerWaiting();
    if (this.#queue.size > 0 && !this.#full?.isAll) this.#schedule();
    const waits = this.#delayed(this.#seenTime).map(({ until }) =>
      this.clock.isSuite ? Infinity : this.clock.wait(until),
    );
    if (this.#full !== null) waits.push(FULL_MS);
    clearTimeout(this.#delay);
    const wait = Math.min(...waits);
    this.#delay = Number.isFinite(wait) ? setTimeout(() => this.#retry(), wait) : null;
  }

  #retry() {
    for (const actor of this.#full?.actors ?? []) this.#queue.add(actor);
    this.#full = null;
    this.#schedule();
  }

  /** Queue the actors of which a delay has ended since this was done last; how many delays that were. */
  #queueDue() {
    const before = this.#seenTime;
    this.#seenTime = this.clock.now;
    const ended = this.#delayed(before).filter(({ until }) => until <= this.#seenTime);
    if (this.isFree) for (const { actor } of ended) this.#queue.add(actor);
    return ended.length;
  }

  // ---- rest

  /** A promise of {cause, steps, parked} at rest, or after so many steps. */
  rest(maxSteps) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ from: this.#steps, maxSteps, resolve, reject });
      this.#schedule();
    });
  }

  #answerWaiting() {
    for (const waiting of this.#waiting.splice(0)) {
      const steps = this.#steps - waiting.from;
      const cause = steps >= waiting.maxSteps ? "max-steps" : this.#restCause();
      if (cause === "full") waiting.reject(this.#full.error);
      else if (cause === null) this.#waiting.push(waiting);
      else waiting.resolve({ cause, steps, parked: this.#parked() });
    }
  }

  #restCause() {
    if (this.#full?.isAll) return "full";
    if (this.#queue.size + this.#runs.size + this.#awake.length > 0) return null;
    if (this.#full !== null) return "full";
    if (this.#delayed(this.#seenTime).length === 0) return "rest";
    return this.clock.isSuite ? "waiting" : null;
  }

  #parked() {
    return [...this.view.marks.keys()].sort().map((actor) => {
      const parkedAs = this.#memos.get(actor)?.parkedAs ?? null;
      return [actor, parkedAs?.mark === this.view.marks.get(actor) ? parkedAs.failureClass : "unknown"];
    });
  }

  /** All messages that are delayed beyond a time: [{actor, until}, ...]. */
  #delayed(time) {
    return [...this.#memos].flatMap(([actor, memo]) => memo.delaysBeyond(time).map((until) => ({ actor, until })));
  }

  /** The suite's clock was moved: how many delays have ended by that. */
  moveTime() {
    const count = this.#queueDue();
    this.wake();
    return count;
  }

  /** All choices: [{actor, proposal}, ...]. */
  choices() {
    return [...this.view.mail.keys()].flatMap((actor) => {
      if (!this.#hasWork(actor)) return [];
      const memo = this.#memos.get(actor) ?? new Memo();
      return listChoices(this.view, memo, actor, this.clock.now).map((proposal) => ({ actor, proposal }));
    });
  }

  // ---- stopping

  /** A promise of the end of all runs in progress; no further one begins. */
  drain() {
    this.#isDraining = true;
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      this.#checkDrained();
    });
  }

  #checkDrained() {
    if (this.#runs.size === 0) this.#onDrained?.();
  }

  /** Abandon everything. */
  end() {
    this.#isOver = true;
    for (const run of this.#runs.values()) run.abandon();
    clearImmediate(this.#slice);
    clearTimeout(this.#delay);
  }
}
