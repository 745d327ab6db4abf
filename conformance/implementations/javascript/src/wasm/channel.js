// Messages between two threads of which each can wait for the other, without an event loop.

import { receiveMessageOnPort } from "node:worker_threads";

/** The signal that the thread at side 1 sets to 1 when it has started; signals 0 and 1 count the messages to each side. */
export const STARTED = 2;

/** One end of a channel: {port, signals: Int32Array on shared memory, side: 0 or 1}. */
export class Channel {
  #port;
  #signals;
  #side;

  constructor({ port, signals, side }) {
    this.#port = port;
    this.#signals = signals;
    this.#side = side;
  }

  /** Say that this side has started. */
  start() {
    Atomics.store(this.#signals, STARTED, 1);
    Atomics.notify(this.#signals, STARTED);
  }

  send(message) {
    this.#port.postMessage(message);
    Atomics.add(this.#signals, 1 - this.#side, 1);
    Atomics.notify(this.#signals, 1 - this.#side);
  }

  /** The next message, or null if none arrives within the given milliseconds. */
  receive(ms = Infinity) {
    for (;;) {
      const seen = Atomics.load(this.#signals, this.#side);
      const received = receiveMessageOnPort(this.#port);
      if (received !== undefined) return received.message;
      if (Atomics.wait(this.#signals, this.#side, seen, ms) === "timed-out") return null;
    }
  }
}
