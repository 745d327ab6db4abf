// Timers: how one is removed from a core, and which of all is the next one to fire.

import { WorkingCore } from "../wit/core.js";

/** A core without the entry of a timer, null for none: its id. Spec: image.timer.once. */
export function withoutTimer(workspace, core, handle) {
  if (handle === null) return core;
  const working = new WorkingCore(workspace, core);
  working.delete(["image", "timers", handle]);
  return working.id();
}

const comesBefore = (one, other) => {
  if (one.due !== other.due) return one.due < other.due;
  if (one.seq !== other.seq) return one.seq < other.seq;
  return one.index < other.index;
};

/** A binary heap of timers {actor, handle, due, seq, index, mt}, the next one first. */
class Heap {
  #items = [];

  get first() {
    return this.#items[0];
  }

  push(item) {
    const items = this.#items;
    let at = items.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!comesBefore(item, items[above])) break;
      items[at] = items[above];
      at = above;
    }
    items[at] = item;
  }

  pop() {
    const items = this.#items;
    const [first] = items;
    const last = items.pop();
    if (items.length > 0) this.#sink(last);
    return first;
  }

  #sink(item) {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && comesBefore(items[below + 1], items[below])) below += 1;
      if (!comesBefore(items[below], item)) break;
      items[at] = items[below];
      at = below;
    }
    items[at] = item;
  }
}

/** The timers of all actors, in the order in which they fire. */
export class Timers {
  #heap = new Heap();
  #held = new Map(); // actor -> its timers that are due and wait for mail of the agent

  /** `isSet(actor, handle)`: whether an actor has a timer; `isHeld(actor)`: whether mail of the agent to it is unread. */
  constructor(isSet, isHeld) {
    this.isSet = isSet;
    this.isHeld = isHeld;
  }

  add(timer) {
    this.#heap.push(timer);
  }

  /** The mail of an actor has changed. */
  release(actor) {
    for (const timer of this.#held.get(actor) ?? []) this.#heap.push(timer);
    this.#held.delete(actor);
  }

  /** The timer that fires next at a time, or null. Spec: image.timer.order. */
  next(clock) {
    for (let timer = this.#heap.first; timer !== undefined && timer.due <= clock; timer = this.#heap.first) {
      if (this.isSet(timer.actor, timer.handle) && !this.isHeld(timer.actor)) return timer;
      this.#heap.pop();
      if (this.isSet(timer.actor, timer.handle)) this.#hold(timer);
    }
    return null;
  }

  #hold(timer) {
    if (!this.#held.has(timer.actor)) this.#held.set(timer.actor, []);
    this.#held.get(timer.actor).push(timer);
  }
}
