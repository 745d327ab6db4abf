// A runtime on a store: its operations. The worker (worker.js) has its runs.

import { Image } from "../image/image.js";
import { isImage, refuseImage } from "../image/kernel-actor.js";
import { rejected } from "../refusal.js";
import { Workspace } from "../wit/workspace.js";
import { ensureAgent } from "./agent.js";
import { SuiteClock, SystemClock } from "./clock.js";
import { Effects, acknowledge, cut, inject, listMail, release } from "./edge.js";
import { collect } from "./collection.js";
import { messageKey } from "./memo.js";
import { askHead } from "./run.js";
import { Worker } from "./worker.js";
import { Sessions } from "../session/host/sessions.js";

/** The place of a choice in the list: the actor, then sender and message of each entry. */
const placeOf = (actor, { entries }) => [actor, ...[...entries].map(([sender, id]) => messageKey(sender, id))].join("");

export class Runtime {
  #worker;
  #effects;
  #sessions = null;

  /**
   * Start a runtime: `config` has the arguments of runtime.start. Throws Refusal invalid, rejected, exhausted.
   * Spec: runtime.recover.mail, runtime.recover.quiet, image.runtime.refused.
   */
  constructor(store, config) {
    this.store = store;
    store.backend.refresh();
    if (config.schedule !== "free") refuseImage(store);
    this.agent = ensureAgent(store, config.agent);
    this.isFree = config.schedule === "free";
    this.clock = config.clock === "suite" ? new SuiteClock() : new SystemClock();
    this.#worker = new Worker(store, this.agent, this.clock, config);
    this.#effects = new Effects(store, this.#worker.view, this.agent);
    this.image = new Image(this.#worker);
    store.backend.holders.add(this);
    this.#worker.wake();
  }

  get #view() {
    return this.#worker.view;
  }

  /** What runs in progress need. */
  pins() {
    return [...this.#worker.pins(), ...(this.#sessions?.pins() ?? [])];
  }

  /** Read the changes of other processes. */
  wake() {
    this.#worker.wake();
  }

  inject(message) {
    return this.#worker.within(() =>
      isImage(this.store) ? this.image.inject(message) : inject(this.store, this.agent, message),
    );
  }

  /** A promise of {cause, steps, parked}. */
  run(maxSteps) {
    if (!this.isFree) throw rejected("the schedule is chosen");
    this.#worker.look();
    return isImage(this.store) ? this.image.run(maxSteps) : this.#worker.rest(maxSteps);
  }

  /** {step, result}. Spec: runtime.query.rest, runtime.query.monotone, runtime.name.inert. */
  query(actor, name, args) {
    this.#worker.look();
    const workspace = new Workspace(this.store);
    const answer = askHead(this.#view, workspace, { actor, name, args });
    workspace.keep();
    return answer;
  }

  mail() {
    this.#worker.look();
    return listMail(this.#view, this.agent);
  }

  acknowledge(sender, message) {
    this.#worker.within(() => acknowledge(this.store, this.#view, this.agent, { sender, message }, this.#advance));
    this.#effects.forget(sender);
  }

  /** How the agent makes steps: in an image, in operations. */
  get #advance() {
    return isImage(this.store) ? (workspace, head, boxes) => this.image.advance(workspace, boxes) : undefined;
  }

  /** As Worker.within(), for what images do not have. */
  #withinOwn(work) {
    return this.#worker.within(() => {
      refuseImage(this.store);
      return work();
    });
  }

  /** Runs of collected actors are stale. Spec: runtime.collect.collected. */
  collect() {
    const removed = this.#withinOwn(() => collect(this.store, this.#view, this.agent));
    for (const actor of removed) this.#worker.forget(actor);
    return removed;
  }

  /** The actors of which the agent had an entry to drop. */
  release(actors) {
    return this.#withinOwn(() => release(this.store, this.#view, this.agent, actors));
  }

  /** The head of the agent, at which its chain begins. */
  cut() {
    return this.#withinOwn(() => cut(this.store, this.#view, this.agent));
  }

  /** A promise of the end of a stop; `how` is drain or now. Spec: runtime.stop.clean. */
  async stop(how) {
    if (how === "drain") await this.#worker.drain();
    this.end();
  }

  /** Stop now. */
  end() {
    this.#worker.end();
    this.image.end();
    this.#sessions?.end();
    this.store.backend.holders.delete(this);
  }

  #checkChosen() {
    if (this.isFree) throw rejected("the schedule is free");
  }

  #choices() {
    const listed = this.#worker.choices();
    const places = listed.map((choice) => ({ ...choice, place: placeOf(choice.actor, choice.proposal) }));
    return places.sort((a, b) => (a.place < b.place ? -1 : 1));
  }

  /** The choices as [{actor, inbox}, ...]. Spec: harness.schedule.order. */
  ready() {
    this.#checkChosen();
    this.#worker.look();
    return this.#choices().map(({ actor, proposal }) => ({ actor, inbox: [...proposal.entries] }));
  }

  /** A promise of the id of the step that became a head, or null. Spec: runtime.schedule.exact. */
  choose(number) {
    this.#checkChosen();
    this.#worker.look();
    const choices = this.#choices();
    if (choices.length === 0) throw rejected("there is no choice");
    const { actor, proposal } = choices[number % choices.length];
    return this.#worker.runOnce(actor, proposal);
  }

  /** Move the suite's clock: how many delays have ended. Spec: runtime.retry.delay. */
  moveTime(time) {
    if (!this.clock.isSuite) throw rejected("the clock is the system's");
    this.#worker.look();
    this.clock.set(time);
    return this.#worker.moveTime();
  }

  /** The host of its sessions. Throws Refusal rejected. Spec: session.schedule.free, image.runtime.refused. */
  get sessions() {
    this.#worker.look();
    refuseImage(this.store);
    if (!this.isFree) throw rejected("the schedule is chosen");
    this.#sessions ??= new Sessions(this.#worker);
    return this.#sessions;
  }

  effects() {
    this.#worker.look();
    return this.#effects.list();
  }

  resolve(effect, outcome) {
    this.#worker.within(() => this.#effects.resolve(effect, outcome, this.#advance));
  }
}
