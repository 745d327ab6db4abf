// The private copy of the references of a world in which an operation runs, with how much is unread on each channel. Changes since
// a mark can be undone.

import { goneName } from "../runtime/agent.js";

const ABSENT = Symbol("absent");

export class PrivateCopy {
  #heads = new Map(); // actor -> step, null if it is gone
  #gone = new Map(); // actor -> its last step
  #unread = new Map(); // sender and receiver -> count
  #inbound = new Map(); // receiver -> count, of all senders
  #undo = []; // [map, key, value before]

  constructor(store, view) {
    this.store = store;
    this.view = view;
  }

  #set(map, key, value) {
    this.#undo.push([map, key, map.has(key) ? map.get(key) : ABSENT]);
    map.set(key, value);
  }

  /** The moment to which undoTo() returns. */
  get mark() {
    return this.#undo.length;
  }

  undoTo(mark) {
    while (this.#undo.length > mark) {
      const [map, key, value] = this.#undo.pop();
      if (value === ABSENT) map.delete(key);
      else map.set(key, value);
    }
  }

  /** The head of an actor, or undefined. */
  head(actor) {
    const head = this.#heads.get(actor);
    return head === undefined ? this.view.heads.get(actor) : (head ?? undefined);
  }

  isGone(actor) {
    return this.#gone.has(actor) || this.store.backend.references.target(goneName(actor)) !== null;
  }

  /** How many messages of a sender to a receiver are unread. */
  unread(sender, receiver) {
    return this.#unread.get(sender + receiver) ?? this.#unreadBefore(sender, receiver);
  }

  #unreadBefore(sender, receiver) {
    if (!this.view.heads.has(receiver)) return 0; // its channels ended with it, or have not begun
    return this.view.mailTo(receiver).get(sender)?.count(this.view.read) ?? 0;
  }

  /** How many messages to an actor are unread. */
  inbound(receiver) {
    return this.#inbound.get(receiver) ?? this.#inboundBefore(receiver);
  }

  #inboundBefore(receiver) {
    if (!this.view.heads.has(receiver)) return 0;
    let count = 0;
    for (const channel of this.view.mailTo(receiver).values()) count += channel.count(this.view.read);
    return count;
  }

  #count(sender, receiver, change) {
    const [unread, inbound] = [this.unread(sender, receiver), this.inbound(receiver)];
    this.#set(this.#unread, sender + receiver, unread + change);
    this.#set(this.#inbound, receiver, inbound + change);
  }

  noteSent(sender, receiver) {
    this.#count(sender, receiver, 1);
  }

  noteRead(sender, receiver) {
    this.#count(sender, receiver, -1);
  }

  move(step) {
    this.#set(this.#heads, step.actor, step);
  }

  /** End an actor at its head. */
  end(actor) {
    this.#set(this.#gone, actor, this.head(actor));
    this.#set(this.#heads, actor, null);
  }

  /** The actors whose head has moved: [{actor, before, after, isGone}, ...] ascending; `before` is null for none. */
  get moved() {
    return [...this.#heads.keys()].sort().map((actor) => ({
      actor,
      before: this.view.heads.get(actor) ?? null,
      after: this.#heads.get(actor) ?? this.#gone.get(actor),
      isGone: this.#gone.has(actor),
    }));
  }
}
