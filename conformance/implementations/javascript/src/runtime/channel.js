// The unread mail of one channel, stored so that one more step or message does not require a walk over all of it.

import { findUnread } from "../wit/channels.js";

const SLACK = 1024; // messages that were read and are still in the list

export class Channel {
  #messages = null; // {id, message}, oldest first; null: not known
  #start = 0; // the first of them that is unread
  #tip = null; // of what is known
  #cursor = null;

  constructor(tip, cursor) {
    this.tip = tip;
    this.cursor = cursor;
  }

  /** How many messages are unread. */
  count(read) {
    this.#update(read);
    return this.#messages.length - this.#start;
  }

  /** The unread message of a number, 0 the oldest: {id, message}. */
  at(read, number) {
    this.#update(read);
    return this.#messages[this.#start + number];
  }

  /** All that is unread. */
  all(read) {
    this.#update(read);
    return this.#messages.slice(this.#start);
  }

  /** The number of an unread message among the first `most`, or -1. */
  numberOf(read, id, most = Infinity) {
    this.#update(read);
    const end = Math.min(this.#messages.length, this.#start + most);
    for (let at = this.#start; at < end; at += 1) if (this.#messages[at].id === id) return at - this.#start;
    return -1;
  }

  #update(read) {
    if (this.#tip === this.tip && this.#cursor === this.cursor && this.#messages !== null) return;
    if (this.#messages !== null) this.#dropRead();
    if (this.#messages !== null) this.#takeNew(read);
    if (this.#messages === null) {
      this.#messages = findUnread(read, this.tip, this.cursor).messages;
      this.#start = 0;
    }
    this.#tip = this.tip;
    this.#cursor = this.cursor;
  }

  #dropRead() {
    if (this.#cursor === this.cursor) return;
    const at = this.#messages.findIndex(({ id }, i) => i >= this.#start && id === this.cursor);
    if (at < 0) this.#messages = null;
    else this.#start = at + 1;
    if (this.#start < SLACK || this.#messages === null) return;
    this.#messages = this.#messages.slice(this.#start);
    this.#start = 0;
  }

  #takeNew(read) {
    if (this.#tip === this.tip) return;
    const isKnown = this.#messages.length > this.#start; // else the cursor is where the walk has to end
    const { messages, fresh } = isKnown ? findUnread(read, this.tip, this.#tip) : { messages: [], fresh: true };
    if (fresh) this.#messages = null;
    else this.#messages.push(...messages);
  }
}
