// A frame: a part of an operation that fails as a whole, with the messages that are not yet read in it.

import { headerOf, readNumber } from "./forms.js";

/** The limit of fuel of the frame of a savepoint, or null. */
export const limitOf = ({ message }) => {
  const fuel = headerOf(message, "fuel");
  return fuel === null ? null : readNumber(fuel);
};

export class Frame {
  #queue = [];
  #next = 0;
  #counts = new Map(); // sender and receiver -> how many of their messages are in the queue

  /** `limit`: of fuel, or null; `spent`: by the operation before the frame. */
  constructor(messages, limit, spent) {
    this.limit = limit;
    this.before = spent;
    this.first = messages[0] ?? null;
    for (const each of messages) this.add(each);
  }

  #count({ sender, target }, change) {
    const key = sender + target;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + change);
  }

  add(message) {
    this.#queue.push(message);
    this.#count(message, 1);
  }

  /** The next message, removed from the queue, or undefined. */
  take() {
    const message = this.#queue[this.#next];
    if (message === undefined) return undefined;
    this.#next += 1;
    this.#count(message, -1);
    return message;
  }

  /** How many messages of a sender to a receiver are in the queue. */
  queued(sender, receiver) {
    return this.#counts.get(sender + receiver) ?? 0;
  }

  /** What is left of its fuel. */
  rest(spent) {
    return this.limit - (spent - this.before);
  }
}
