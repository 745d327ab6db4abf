// Collection: the actors that are no longer held.

import { goneName, headName, markName } from "./agent.js";

/** Counts the holders of each actor, and finds actors without one. */
class Lives {
  #holds = new Map(); // actor -> how many other heads have an entry for it
  #removed = new Set();

  constructor(view, agent, named) {
    this.view = view;
    this.agent = agent;
    this.named = named;
    for (const [actor, { outbox }] of view.heads) {
      for (const to of outbox.keys()) if (to !== actor) this.#holds.set(to, (this.#holds.get(to) ?? 0) + 1);
    }
  }

  #isOver(actor) {
    const head = this.view.heads.get(actor);
    if (head === undefined || actor === this.agent || this.#removed.has(actor)) return false;
    if ((this.#holds.get(actor) ?? 0) > 0 || this.named.has(actor)) return false;
    for (const [to, message] of head.outbox) {
      const isRead = this.view.heads.get(to)?.inbox.get(actor) === message;
      if (to !== actor && !isRead && !this.view.away.get(to)?.has("gone")) return false;
    }
    return true;
  }

  /** The ids of all actors that can be collected, ascending, also those that only other collected actors hold. */
  end() {
    const waiting = [...this.view.heads.keys()];
    for (let actor = waiting.pop(); actor !== undefined; actor = waiting.pop()) {
      if (!this.#isOver(actor)) continue;
      this.#removed.add(actor);
      for (const to of this.view.heads.get(actor).outbox.keys()) {
        if (to === actor) continue;
        this.#holds.set(to, this.#holds.get(to) - 1);
        waiting.push(to);
      }
    }
    return [...this.#removed].sort();
  }
}

/**
 * Collect all actors at the end of their life, in one update: their ids, ascending. Inside a group.
 * Spec: runtime.collect.collected, runtime.collect.held.
 */
export function collect(store, view, agent) {
  const { references } = store.backend;
  const named = new Set(
    references
      .all()
      .filter(([name]) => name.startsWith("actors/"))
      .map(([, target]) => target),
  );
  const removed = new Lives(view, agent, named).end();
  const changes = removed.flatMap((actor) => {
    const head = { name: headName(actor), old: view.heads.get(actor).id, new: null };
    const gone = { name: goneName(actor), old: null, new: agent };
    const mark = view.marks.get(actor);
    return mark === undefined ? [head, gone] : [head, gone, { name: markName(actor), old: mark, new: null }];
  });
  if (changes.length > 0) store.commit([], changes);
  return removed;
}
