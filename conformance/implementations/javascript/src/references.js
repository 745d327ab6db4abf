// References: the grammar of their names, the kind of target of each space, and the table of a store's references.
// Names are ASCII, so their order as JavaScript strings is their order as bytes, against any other text too.

import { ZERO_ID, isIdText } from "./ids.js";

const NAME = /^([a-z][a-z0-9-]{0,31})\/([a-z0-9](?:[a-z0-9._-]{0,198}[a-z0-9])?)$/;

/** Split a name into [space, segment], or give null for a name outside the grammar. Spec: grit.ref.grammar. */
export function splitName(name) {
  const match = NAME.exec(name);
  if (match === null || name.includes("..")) return null;
  const [, space, segment] = match;
  if ((space === "heads" || space === "failed") && (!isIdText(segment) || segment === ZERO_ID)) return null;
  if (space === "runtime" && segment !== "agent") return null;
  return [space, segment];
}

const WANTED = new Map([
  ["heads", (object, segment) => object.kind === "step" && object.actor === segment],
  ["failed", (object) => object.kind === "mailbox" && object.entries.length === 1],
  ["actors", (object) => object.kind === "tree"],
  ["runtime", (object) => object.kind === "tree"],
]);

/** Whether the space of a name puts any condition on its target. */
export const wantsKind = (name) => WANTED.has(splitName(name)[0]);

/** Whether an object may be the target of a name within the grammar. Spec: grit.ref.target. */
export function isTarget(name, object) {
  const [space, segment] = splitName(name);
  const wanted = WANTED.get(space);
  return wanted === undefined || wanted(object, segment);
}

const JOURNAL = 20_000; // names of changed references that are kept

/** The references of one store: name -> target, with ordered listing and a journal of what changed. */
export class References {
  #targets = new Map();
  #journal = []; // names of changed references, the newest last
  #forgotten = 0; // how many names the journal held before these
  #sorted = null; // all names in order; null: to be sorted again

  get size() {
    return this.#targets.size;
  }

  /** The target of a name, or null. */
  target(name) {
    return this.#targets.get(name) ?? null;
  }

  /** How many references there would be after changes [[name, target or null], ...] with each name once. */
  sizeAfter(changes) {
    let size = this.size;
    for (const [name, target] of changes) size += (target !== null) - this.#targets.has(name);
    return size;
  }

  /** Make changes [[name, target or null], ...]. */
  apply(changes) {
    for (const [name, target] of changes) {
      this.#journal.push(name);
      if (this.#targets.has(name) !== (target !== null)) this.#sorted = null;
      if (target === null) this.#targets.delete(name);
      else this.#targets.set(name, target);
    }
    if (this.#journal.length > 2 * JOURNAL) {
      this.#forgotten += this.#journal.length - JOURNAL;
      this.#journal = this.#journal.slice(-JOURNAL);
    }
  }

  /** Where the journal ends now. */
  get position() {
    return this.#forgotten + this.#journal.length;
  }

  /** The names of the references that changed since a position, or null if the journal does not go back so far. */
  changedSince(position) {
    if (position < this.#forgotten) return null;
    return new Set(this.#journal.slice(position - this.#forgotten));
  }

  /** All as [[name, target], ...] in ascending order. */
  all() {
    return this.#names().map((name) => [name, this.#targets.get(name)]);
  }

  /** A page: {refs, more}. Spec: grit.ref.list, grit.ref.snapshot. */
  list(prefix, after, limit) {
    const names = this.#names();
    const refs = [];
    const from = after !== null && after >= prefix ? this.#firstFrom(after) : this.#firstFrom(prefix);
    for (let i = from; i < names.length && names[i].startsWith(prefix); i += 1) {
      if (names[i] === after) continue;
      if (refs.length === limit) return { refs, more: true };
      refs.push([names[i], this.#targets.get(names[i])]);
    }
    return { refs, more: false };
  }

  #names() {
    this.#sorted ??= [...this.#targets.keys()].sort();
    return this.#sorted;
  }

  #firstFrom(text) {
    const names = this.#names();
    let low = 0;
    let high = names.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (names[middle] < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
