// The data of a runtime about an actor in addition to its head and mark: counts of failures, delays, declined proposals, isolation.
// It ends with the runtime.

/** The name of a message on its channel. */
export const messageKey = (sender, id) => `${sender}${id}`;

/** The name of a proposal to one actor, which is also its place in the order of choices. */
export const proposalKey = (entries) => [...entries].map(([sender, id]) => messageKey(sender, id)).join("");

export class Memo {
  #counts = new Map(); // key -> {sender, id, count, until}
  #declined = new Set(); // keys of proposals
  #isolated = []; // {sender, id: the last message that the run covered, size: how many}
  changes = 0; // how often the head or the mail has changed
  parkedAs = null; // {mark, failureClass} of the mark that this runtime made

  /** Spec: runtime.run.declined. */
  noteChange() {
    this.changes += 1;
    this.#declined.clear();
  }

  decline(entries) {
    this.#declined.add(proposalKey(entries));
  }

  hasDeclined(entries) {
    return this.#declined.size > 0 && this.#declined.has(proposalKey(entries));
  }

  count(sender, id) {
    return this.#counts.size === 0 ? 0 : (this.#counts.get(messageKey(sender, id))?.count ?? 0);
  }

  /** What attempt a run of these messages is. Spec: wit.transition.attempt. */
  attempt(covered) {
    if (this.#counts.size === 0) return 1;
    return 1 + covered.reduce((most, { sender, id }) => Math.max(most, this.count(sender, id)), 0);
  }

  /** Set the count of a message and the time before which it is not tried again. Spec: runtime.retry.others. */
  setCount(sender, id, count, until) {
    this.#counts.set(messageKey(sender, id), { sender, id, count, until });
  }

  /** Forget the counts of messages that were covered. */
  forgetCounts(covered) {
    if (this.#counts.size > 0) for (const { sender, id } of covered) this.#counts.delete(messageKey(sender, id));
  }

  /** The actor lost its mark: start again with it. Spec: runtime.fail.unmark. */
  noteUnmarked() {
    this.#counts.clear();
    this.#isolated = [];
    this.parkedAs = null;
  }

  isDelayed(sender, id, now) {
    return this.#counts.size > 0 && this.#counts.get(messageKey(sender, id))?.until > now;
  }

  /** When the delays end that go beyond a time, also those of messages that were superseded meanwhile. */
  delaysBeyond(time) {
    if (this.#counts.size === 0) return [];
    return [...this.#counts.values()].map(({ until }) => until).filter((until) => until > time);
  }

  /** From now on run the messages of a proposal one at a time. Spec: runtime.retry.isolate. */
  isolate({ entries, covered }) {
    this.#isolated = [...entries].map(([sender, id]) => ({ sender, id, size: covered.length }));
  }

  /** Whether a message is unread that was in a run which failed; `isUnread(sender, id, size)`. */
  isIsolated(isUnread) {
    if (this.#isolated.length > 0)
      this.#isolated = this.#isolated.filter(({ sender, id, size }) => isUnread(sender, id, size));
    return this.#isolated.length > 0;
  }

  /** Whether there is nothing to store. */
  get isEmpty() {
    return this.#counts.size + this.#declined.size + this.#isolated.length === 0 && this.parkedAs === null;
  }
}
