// Driving a transition where nothing else waits for it: it sleeps as long as it asks for, within its time.

import { setTimeout as sleep } from "node:timers/promises";
import { timedOut } from "./failure.js";

/**
 * The time that a transition has used: what it slept and what it worked, but not what it waited for others.
 * `most` is in milliseconds, 0 for any.
 */
export class TimeLimit {
  #used = 0;
  #began = 0; // when the transition last went on

  constructor(most) {
    this.most = most;
  }

  /** Milliseconds that are left for what goes on now; Infinity for any time. */
  get left() {
    return this.most === 0 ? Infinity : this.most - this.#used - (performance.now() - this.#began);
  }

  /** Go on with a transition to where it sleeps or ends; throws Failure timeout when its time is over. */
  goOn(transition) {
    this.#began = performance.now();
    try {
      return transition.next();
    } finally {
      this.#used += performance.now() - this.#began;
    }
  }

  /** How long a transition that wants to sleep may do so, and whether its time is over then. */
  grant(wanted) {
    const left = this.most === 0 ? Infinity : Math.max(0, this.most - this.#used);
    const granted = Math.min(wanted, left);
    this.#used += granted;
    return { granted, isOver: wanted > left };
  }

  /** Throws Failure timeout if the time is over. */
  check() {
    if (this.most > 0 && this.#used > this.most) throw timedOut(`${Math.ceil(this.#used)} ms, ${this.most} were given`);
  }
}

/** Run a transition to its end. */
export async function drive(transition, transitionMs) {
  const limit = new TimeLimit(transitionMs);
  try {
    for (;;) {
      const { value, done } = limit.goOn(transition);
      if (!done) {
        const { granted, isOver } = limit.grant(value.sleep);
        await sleep(granted);
        if (isOver) throw timedOut(`${transitionMs} ms were given`);
      }
      limit.check();
      if (done) return value;
    }
  } finally {
    transition.return(); // ends what it still does
  }
}
