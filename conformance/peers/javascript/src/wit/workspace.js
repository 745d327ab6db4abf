// What code sees of a store: everything that is there, and what it has made itself. Nothing is stored before keep(), so a
// run that is given up leaves nothing behind, and an object that somebody prunes meanwhile is still stored with the step.

import { encodeObject } from "../formats.js";
import { LIMITS } from "../limits.js";
import { checkClosure } from "../graph.js";

export class Workspace {
  #made = new Map(); // id -> {bytes, object}
  borrowed = new Set(); // ids that came from elsewhere than the step and the mail, and have to stay

  constructor(store) {
    this.store = store;
    this.format = store.format;
  }

  /** The object of an id, null for a tombstone. It must not be altered. Throws Refusal missing. */
  read = (id) => {
    if (this.store.backend.tombstones.has(id)) return null;
    return this.#made.get(id)?.object ?? this.store.read(id);
  };

  /** The kind of an id; a tombstone counts as a blob. Throws Refusal missing. */
  kind(id) {
    return this.read(id)?.kind ?? "blob";
  }

  /** Make an object: its id. Throws Refusal invalid, exhausted. */
  write(object) {
    const { bytes, id } = encodeObject(this.format, object);
    if (!this.#made.has(id)) this.#made.set(id, { bytes, object });
    return id;
  }

  /** Make a blob. */
  writeBlob(data, headers = []) {
    return this.write({ kind: "blob", headers, data });
  }

  /** Whether an object was made here and is in the store under no circumstances. */
  isNew(id) {
    return this.#made.has(id) && this.store.backend.find(id) === undefined;
  }

  /** All that was made, as [[id, bytes, object], ...]. */
  get objects() {
    return [...this.#made].map(([id, { bytes, object }]) => [id, bytes, object]);
  }

  /** Store all that was made. */
  keep() {
    if (this.#made.size > 0) this.store.commit(this.objects, []);
  }

  /** Check that everything below some edges is there; `edges` and `whole` as in checkClosure(). Throws Refusal. */
  checkClosure(edges, whole) {
    checkClosure(edges, this.read, LIMITS.tree_depth, this.store.knowledge, whole);
  }
}
