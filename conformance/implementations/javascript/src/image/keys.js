// Keys of requests: the replies that the newest records of the journal hold.

import { readMessage } from "../wit/channels.js";
import { headerOf } from "./forms.js";

const RECORDS = 1000;

/** The key of the request of an entry and its reply, {key, seq, outcome}, or null. Spec: image.request.once. */
function readKey(entry, agent) {
  if (entry.readable === null) return null;
  const { seq, roots, outcome, heads } = entry.record;
  const [sender, target, id] = roots[0] ?? [];
  const isSent = outcome.failed === undefined || heads.some(([actor]) => actor === target);
  if (sender !== agent || !isSent) return null;
  const key = headerOf(readMessage(entry.read, id), "key");
  return key === null ? null : { key, seq, outcome };
}

export class Keys {
  #window = []; // of the newest records, the oldest first: {key, seq, outcome} or null
  #known = new Map(); // key -> the newest of them

  constructor(journal, agent) {
    this.agent = agent;
    const newest = [];
    for (const entry of journal.back()) {
      newest.push(readKey(entry, agent));
      if (newest.length === RECORDS) break;
    }
    for (const each of newest.reverse()) this.#add(each);
  }

  take(entry) {
    this.#add(readKey(entry, this.agent));
  }

  #add(recorded) {
    this.#window.push(recorded);
    if (recorded !== null) this.#known.set(recorded.key, recorded);
    if (this.#window.length <= RECORDS) return;
    const oldest = this.#window.shift();
    if (oldest !== null && this.#known.get(oldest.key) === oldest) this.#known.delete(oldest.key);
  }

  /** The reply that is recorded for a key, {seq, outcome}, or undefined. */
  find(key) {
    const found = this.#known.get(key);
    return found === undefined ? undefined : { seq: found.seq, outcome: found.outcome };
  }
}
