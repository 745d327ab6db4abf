// The private copy of the references of a world in which an operation runs, with what is unread on each channel. Changes since a
// mark can be undone. What was unread before is never walked over.

import { goneName } from "../runtime/agent.js";

const ABSENT = Symbol("absent");

const isOn = (message, sender, receiver) => message.sender === sender && message.target === receiver;

export class PrivateCopy {
  #heads = new Map(); // actor -> step, null if it is gone
  #gone = new Map(); // actor -> its last step
  #sent = new Map(); // sender and receiver -> how many messages of the operation are unread
  #sentTo = new Map(); // receiver -> the same, of all senders
  #read = new Map(); // sender and receiver -> the message read last of those that were there before
  #grown = new Map(); // principal -> by how many bytes the cores of its actors have grown
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

  /** Whether a message is unread that was there before the operation; `read` counts as read. */
  #waits(sender, receiver, read) {
    const isThere = this.view.heads.has(receiver); // else its channels have ended with it, or have not begun
    const channel = isThere ? this.view.mailTo(receiver).get(sender) : undefined;
    if (channel === undefined) return false;
    const last = isOn(read, sender, receiver) && read.isOld ? read.id : this.#read.get(sender + receiver);
    return channel.tip !== last;
  }

  /**
   * How many messages on a channel are unread that the operation has sent; Infinity if there are older ones. The message `read`,
   * which is being answered, counts as read.
   */
  unread(sender, receiver, read) {
    if (this.#waits(sender, receiver, read)) return Infinity;
    const isOwn = isOn(read, sender, receiver) && !read.isOld;
    return (this.#sent.get(sender + receiver) ?? 0) - (isOwn ? 1 : 0);
  }

  /** As unread(), of all messages to an actor. */
  inbound(receiver, read) {
    const senders = this.view.heads.has(receiver) ? [...this.view.mailTo(receiver).keys()] : [];
    if (senders.some((sender) => this.#waits(sender, receiver, read))) return Infinity;
    return (this.#sentTo.get(receiver) ?? 0) - (read.target === receiver && !read.isOld ? 1 : 0);
  }

  #count(sender, receiver, change) {
    const key = sender + receiver;
    this.#set(this.#sent, key, (this.#sent.get(key) ?? 0) + change);
    this.#set(this.#sentTo, receiver, (this.#sentTo.get(receiver) ?? 0) + change);
  }

  noteSent(sender, receiver) {
    this.#count(sender, receiver, 1);
  }

  /** A message was read; `isOld`: it was sent before the operation. */
  noteRead({ sender, target, id, isOld }) {
    if (isOld) this.#set(this.#read, sender + target, id);
    else this.#count(sender, target, -1);
  }

  /** The cores of the actors of a principal grow by some bytes: by how many they have grown. */
  grow(principal, bytes) {
    const grown = (this.#grown.get(principal) ?? 0n) + bytes;
    this.#set(this.#grown, principal, grown);
    return grown;
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
