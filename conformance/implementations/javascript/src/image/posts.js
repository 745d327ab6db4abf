// Posts: the unread messages that are roots of later operations, in the order in which they run.

import { changedKeys } from "../maps.js";
import { findUnread } from "../wit/channels.js";
import { readStep } from "../wit/steps.js";
import { headerOf } from "./forms.js";

const NONE = new Map();

/** The steps of an actor after one, null for its first, up to another, the oldest first: [[outbox before, step], ...]. */
function stepsBetween(read, before, after) {
  const steps = [];
  for (let step = after; step.id !== before?.id; step = readStep(read, step.previous)) {
    steps.push(step);
    if (step.previous === null) break;
  }
  steps.reverse();
  return steps.map((step, i) => [i > 0 ? steps[i - 1].outbox : (before?.outbox ?? NONE), step]);
}

function byOrder({ order: one }, { order: other }) {
  const at = one.findIndex((value, i) => value !== other[i]);
  return at === -1 ? 0 : one[at] < other[at] ? -1 : 1;
}

const keyOf = ({ sender, target, id }) => sender + target + id;

export class Posts {
  #queue = []; // {seq, sender, target, id, message}, the next one first; seq: the number of the operation that sent it
  #next = 0;

  constructor(journal, view, agent, kernel) {
    Object.assign(this, { view, agent, kernel });
    const unread = this.#unread();
    if (unread.size > 0) this.#queue.push(...this.#inOrder(journal, unread));
  }

  /**
   * The unread posts in their order. What an operation without a readable record sent counts as sent by the next operation that has
   * one with a head of the sender. Spec: image.post.order.
   */
  #inOrder(journal, unread) {
    const { heads, read } = this.view;
    const found = []; // {post, order}
    const reached = new Map(); // sender -> its step that was reached from its head back, and the number of the operation after it
    let { seq } = journal.newest.record;
    const begin = (sender) => ({ step: readStep(read, heads.get(sender).id), number: seq, place: 0 });
    for (const sender of new Set([...unread].map((key) => key.slice(0, 64)))) reached.set(sender, begin(sender));
    const take = (sender, end, number) => {
      let { step, place } = reached.get(sender);
      for (; step !== null && step.id !== end; place -= 1) {
        const before = step.previous === null ? null : readStep(read, step.previous);
        const posts = this.#postsOfStep(read, before?.outbox ?? NONE, step).filter((each) =>
          unread.delete(keyOf(each)),
        );
        for (const [i, post] of posts.entries())
          found.push({ post: { seq: number, ...post }, order: [number, sender, place, i] });
        step = before;
      }
      reached.set(sender, { step, number, place });
    };
    for (const entry of journal.back()) {
      if (unread.size === 0) break;
      if (reached.has(this.agent)) take(this.agent, entry.after.previous, seq);
      for (const [actor, before, after] of entry.readable?.heads ?? []) {
        if (!reached.has(actor)) continue;
        take(actor, after, reached.get(actor).number);
        take(actor, before, seq);
      }
      seq -= 1;
    }
    for (const [sender, { number }] of reached) take(sender, null, number);
    return found.sort(byOrder).map(({ post }) => post);
  }

  /** The names of all posts to actors with a head. */
  #unread() {
    const { mail, heads, read } = this.view;
    const keys = new Set();
    for (const [target, channels] of mail) {
      if (target === this.agent || !heads.has(target)) continue;
      for (const [sender, channel] of channels)
        for (const { id } of channel.all(read)) keys.add(keyOf({ sender, target, id }));
    }
    return keys;
  }

  /** What an operation has sent, in the order of posts. Spec: image.post.order. */
  #postsOf(entry) {
    const { read, moved } = entry;
    return [...moved, ...entry.agentMoved].flatMap((each) =>
      stepsBetween(read, each.before, each.after).flatMap(([outbox, step]) => this.#postsOfStep(read, outbox, step)),
    );
  }

  #postsOfStep(read, outbox, step) {
    const receivers = [...changedKeys(outbox, step.outbox)].filter((to) => to !== this.agent && to !== this.kernel);
    return receivers.sort().flatMap((target) => {
      const { messages } = findUnread(read, step.outbox.get(target), outbox.get(target) ?? null);
      const posts = messages.filter(({ message }) => headerOf(message, "op") === null);
      return posts.map(({ id, message }) => ({ sender: step.actor, target, id, message }));
    });
  }

  /** Take the posts of an operation that is later than all others. */
  take(entry) {
    const { seq } = entry.record;
    this.#queue.push(...this.#postsOf(entry).map((post) => ({ seq, ...post })));
  }

  #isUnread({ sender, target, id }) {
    const { heads, read } = this.view;
    const channel = heads.has(target) ? this.view.mailTo(target).get(sender) : undefined;
    return channel !== undefined && channel.count(read) > 0 && channel.at(read, 0).id === id;
  }

  /** The post that runs next, or null. */
  next() {
    while (this.#next < this.#queue.length && !this.#isUnread(this.#queue[this.#next])) this.#next += 1;
    if (this.#next > 1024 && this.#next * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    return this.#queue[this.#next] ?? null;
  }
}
