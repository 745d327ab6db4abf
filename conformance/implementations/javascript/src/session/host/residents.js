// What a runtime knows of its sessions: which are live, when they were touched, which are leased, and how far restores have come.
//
// The live ones follow from the view. The rest is kept in memory only, and ends with the runtime.

import { Refusal } from "../../refusal.js";
import { findUnread, readMessage, typeOf } from "../../wit/channels.js";
import { readStep } from "../../wit/steps.js";
import { isNumber } from "../forms.js";
import { isHost } from "./standing.js";

const ENDINGS = ["commit", "abandon"];

/** The steps from one to a later one, the latest first, each with the one before it: [[before, after], ...]. */
function* stepsBetween(read, first, last) {
  for (let step = last; step.id !== first.id; ) {
    const before = step.previous === null ? first : readStep(read, step.previous); // a cut hides those before it
    yield [before, step];
    step = before;
  }
}

/** Whether a step after the first, up to the last, covers a message of the agent that ends a lease. */
function hasEnding(read, agent, first, last) {
  for (const [before, after] of stepsBetween(read, first, last)) {
    const { messages } = findUnread(read, after.inbox.get(agent) ?? null, before.inbox.get(agent) ?? null);
    if (messages.some(({ message }) => ENDINGS.includes(typeOf(message)))) return true;
  }
  return false;
}

/** The time in the headers of a message, or 0. */
function timeOf(read, id) {
  try {
    const at = id === undefined ? "" : (new Map(readMessage(read, id).headers).get("at") ?? "");
    return isNumber(at) ? Number(at) : 0;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // what cannot be read has no time
    return 0;
  }
}

export class Residents {
  #live = new Map(); // session -> head
  #touched = new Map(); // session -> the largest time of an accepted request
  #leases = new Map(); // session -> {at: the largest time of a preparation, step: up to which it has not ended}
  #progress = new Map(); // archived session -> percent

  constructor(view, agent) {
    this.view = view;
    this.agent = agent;
    for (const actor of view.heads.keys()) this.see(actor);
  }

  /** How many sessions are live. */
  get count() {
    return this.#live.size;
  }

  /** The head of a session, live or not; undefined for none. */
  find(actor) {
    const head = this.view.heads.get(actor);
    return head !== undefined && actor !== this.agent && isHost(this.view.read, this.agent, head.core)
      ? head
      : undefined;
  }

  /** An actor has changed. */
  see(actor) {
    const head = this.find(actor);
    if (head === undefined || this.view.isAway(actor)) this.#live.delete(actor);
    else this.#live.set(actor, head);
    if (!this.view.away.get(actor)?.has("archived")) this.#progress.delete(actor);
    if (head !== undefined) this.#seeLease(actor, head);
  }

  /** Forget sessions that this runtime has archived. */
  forget(sessions) {
    for (const session of sessions) for (const known of [this.#touched, this.#leases]) known.delete(session);
  }

  /** Spec: session.lease.pins. */
  #seeLease(session, head) {
    const lease = this.#leases.get(session);
    if (lease === undefined || lease.step.id === head.id) return;
    try {
      if (hasEnding(this.view.read, this.agent, lease.step, head)) this.#leases.delete(session);
      lease.step = head;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // what cannot be read ends nothing
    }
  }

  /** A request for a session was accepted. Spec: session.clock.backward. */
  touch(session, at) {
    this.#touched.set(session, Math.max(at, this.#touched.get(session) ?? 0));
  }

  /** A turn of a session was prepared. */
  lease(session, at) {
    const lease = this.#leases.get(session);
    if (lease === undefined) this.#leases.set(session, { at, step: this.view.heads.get(session) });
    else lease.at = Math.max(lease.at, at);
  }

  /** Whether a session is leased, for a request. */
  isLeased(session, at, leaseMs) {
    const lease = this.#leases.get(session);
    return lease !== undefined && (leaseMs === 0 || at - lease.at <= leaseMs);
  }

  touched(session, { inbox }) {
    return Math.max(timeOf(this.view.read, inbox.get(this.agent)), this.#touched.get(session) ?? 0);
  }

  /** Whether a session with this head is quiet. */
  isQuiet(session, { outbox }) {
    const { view, agent } = this;
    const hasMail = view.mailTo(session).size > 0 || view.mailTo(agent).has(session);
    return !view.marks.has(session) && !hasMail && [...outbox.keys()].every((to) => to === agent || to === session);
  }

  /** The live session of an id as Update.archive() needs it. */
  describe(session) {
    const head = this.#live.get(session);
    return { session, head, touched: this.touched(session, head) };
  }

  /** All sessions that may be archived, in the order in which they are. Spec: session.capacity.victim. */
  archivable(at, leaseMs) {
    const may = [...this.#live].filter(([id, head]) => this.isQuiet(id, head) && !this.isLeased(id, at, leaseMs));
    const described = may.map(([session]) => this.describe(session));
    return described.sort((a, b) => a.touched - b.touched || (a.session < b.session ? -1 : 1));
  }

  /** The percent that a restore has come to. */
  progress(session) {
    return this.#progress.get(session) ?? 0;
  }

  setProgress(session, percent) {
    this.#progress.set(session, percent);
  }
}
