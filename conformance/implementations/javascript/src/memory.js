// The backend in memory. A backend stores bytes, tombstones and references and has no rules of its own: those
// are in store.js. Stored buffers are never written to, so a reader of a buffer can keep it.

import { References } from "./references.js";

/** DurableBackend describes the members. */
export class MemoryBackend {
  #objects = new Map(); // id -> {bytes}
  tombstones = new Set();
  references = new References();
  epoch = 0;
  foreignRewrites = 0;
  holders = new Set();

  refresh() {}

  exclusively(work) {
    return work();
  }

  group(work) {
    return work();
  }

  find(id) {
    return this.#objects.get(id);
  }

  load(entry) {
    return entry.bytes;
  }

  add(id, bytes) {
    this.#objects.set(id, { bytes });
  }

  update(tombstones, changes) {
    for (const id of tombstones) this.tombstones.add(id);
    this.references.apply(changes);
  }

  retain(kept) {
    this.epoch += 1;
    const before = this.#objects.size;
    for (const id of this.#objects.keys()) if (!kept.has(id)) this.#objects.delete(id);
    return before - this.#objects.size;
  }

  erase(id) {
    this.epoch += 1;
    this.#objects.delete(id);
    this.tombstones.add(id);
  }

  damage(id, offset, xor) {
    this.epoch += 1;
    const bytes = Buffer.from(this.#objects.get(id).bytes); // a copy: an export in progress keeps the good ones
    bytes[offset] ^= xor;
    this.#objects.set(id, { bytes });
  }

  size(entry) {
    return entry.bytes.length;
  }

  hold() {
    return () => {};
  }

  spool() {
    return null;
  }

  sync() {}

  close() {}
}
