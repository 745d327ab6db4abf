// What runs next: a timer that is due, or a post if an earlier operation sent it. Made at the first run, and brought up to date by the entries of the
// journal.

import { Posts } from "./posts.js";
import { Timers } from "./timers.js";

export class Schedule {
  #posts;
  #timers;

  constructor({ journal, view, agent, kernel }, ledger) {
    this.ledger = ledger;
    this.#posts = new Posts(journal, view, agent, kernel);
    const isHeld = (actor) => view.mailTo(actor).has(agent);
    this.#timers = new Timers((actor, handle) => ledger.timersOf(actor).has(handle), isHeld);
    for (const [actor, timers] of ledger.timers) this.#add(actor, timers);
  }

  #add(actor, timers, known = new Map()) {
    for (const [handle, timer] of timers) if (!known.has(handle)) this.#timers.add({ actor, handle, ...timer });
  }

  /** What has to be known of an entry before the ledger takes it. */
  note(moved) {
    return moved.map(({ actor }) => ({ actor, known: this.ledger.timersOf(actor) }));
  }

  /** Take an entry that the ledger has taken. */
  take(entry, noted) {
    this.#posts.take(entry);
    for (const { actor, known } of noted) {
      this.#add(actor, this.ledger.timersOf(actor), known);
      this.#timers.release(actor);
    }
  }

  /** {timer} or {post} for the next root, or null at rest. Spec: image.timer.order, image.post.order, image.post.turn. */
  next(clock) {
    const timer = this.#timers.next(clock);
    const post = this.#posts.next();
    if (timer !== null && (post === null || timer.seq <= post.seq)) return { timer };
    return post === null ? null : { post };
  }
}
