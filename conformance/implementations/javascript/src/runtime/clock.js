// The two clocks of a runtime. Times are BigInts in a unit of the clock's own; delays are in milliseconds.

import { rejected } from "../refusal.js";

const MICROSECONDS = 1000n;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The system's clock, in microseconds. */
export class SystemClock {
  isSuite = false;

  get now() {
    return BigInt(Math.floor(performance.now() * 1000));
  }

  /** The time that is a delay from now. */
  after(delayMs) {
    return this.now + delayMs * MICROSECONDS;
  }

  /** Milliseconds to wait until a time, as far as a timer can. */
  wait(time) {
    const left = Number(time - this.now) / 1000;
    return Math.min(Math.max(0, Math.ceil(left)), LONGEST_TIMER_MS);
  }
}

/** The suite's clock, in milliseconds. Spec: harness.clock.only-suite. */
export class SuiteClock {
  isSuite = true;
  now = 0n;

  after(delayMs) {
    return this.now + delayMs;
  }

  /** Move to a time. Throws Refusal rejected if it is over. */
  set(time) {
    if (time < this.now) throw rejected(`the time is ${this.now} already`);
    this.now = time;
  }
}
