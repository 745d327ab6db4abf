// What code sees of a store: everything that is there, and what it has made itself. Nothing is stored before keep(), so a
// run that is given up leaves nothing behind, and an object that is pruned meanwhile is still stored with the step.

import { encodeObject } from "../formats.js";
import { LIMITS } from "../limits.js";
import { checkClosure } from "../graph.js";
import { eachEdge } from "../kinds.js";
import { Refusal } from "../refusal.js";

export class Workspace {
  #made = new Map(); // id -> {bytes, object}
  #below;
  #walk = null; // the last check of a closure
  borrowed = new Set(); // ids from other places than the step and the mail, which have to stay

  constructor(store, below = null) {
    this.store = store;
    this.format = store.format;
    this.#below = below;
  }

  /** A workspace on top of this one: it sees what is made here, and what it makes is its own until it is taken over. */
  branch() {
    return new Workspace(this.store, this);
  }

  /** Take over from a branch what an id reaches of what was made there, also through what was there before. */
  takeOver(branch, id) {
    const waiting = [id, ...(branch.#walk?.ids ?? [])];
    this.#walk = branch.#walk;
    while (waiting.length > 0) {
      const next = waiting.pop();
      const made = branch.#made.get(next);
      if (made === undefined || this.#made.has(next)) continue;
      this.#made.set(next, made);
      eachEdge(made.object, (to) => waiting.push(to));
    }
  }

  /** The object of an id, null for a tombstone. It must not be altered. Throws Refusal missing. */
  read = (id) => {
    if (this.store.backend.tombstones.has(id)) return null;
    const made = this.#find(id);
    return made === undefined ? this.store.read(id) : made.object;
  };

  /** Whether the store has erased blobs, so that a blob which is made here can be one of them. */
  get mayBeErased() {
    return this.store.backend.tombstones.size > 0;
  }

  #find(id) {
    return this.#made.get(id) ?? this.#below?.#find(id);
  }

  /** The object of an id, null for a tombstone, undefined if there is none. */
  find = (id) => {
    try {
      return this.read(id);
    } catch (error) {
      if (error instanceof Refusal && error.refusalClass === "missing") return undefined;
      throw error;
    }
  };

  /** The kind of an id; a tombstone counts as a blob. Throws Refusal missing. */
  kind(id) {
    return this.read(id)?.kind ?? "blob";
  }

  /** Make an object: its id. Throws Refusal invalid, exhausted. */
  write(object) {
    const { bytes, id } = encodeObject(this.format, object);
    if (this.#find(id) === undefined) this.#made.set(id, { bytes, object });
    return id;
  }

  /** Make a blob. */
  writeBlob(data, headers = []) {
    return this.write({ kind: "blob", headers, data });
  }

  /** Whether an object was made here and is in the store under no circumstances. */
  isNew(id) {
    return this.#find(id) !== undefined && this.store.backend.find(id) === undefined;
  }

  /** All that was made, as [[id, bytes, object], ...]. */
  get objects() {
    return [...this.#made].map(([id, { bytes, object }]) => [id, bytes, object]);
  }

  /** Store all that was made. */
  keep() {
    if (this.#made.size > 0) this.commit([]);
  }

  /** Store all that was made, and change references, as Store.commit() does. */
  commit(changes) {
    if (!this.store.commit(this.objects, changes)) return false;
    this.#walk?.eachValue((id, nesting) => this.store.knowledge.learnNesting(id, nesting));
    this.#walk = null;
    return true;
  }

  /** Check that everything below some edges is there; `edges` and `whole` as in checkClosure(). Throws Refusal. */
  checkClosure(edges, whole) {
    this.#walk = null;
    this.#walk = checkClosure(edges, this.read, LIMITS.tree_depth, this.store.knowledge, whole);
  }
}
