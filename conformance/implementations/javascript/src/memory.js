// The backend that lives in memory. A backend keeps bytes, tombstones and references and has no laws of its own: those
// are in store.js. Buffers that are stored are never written to, so what holds one keeps what it saw.

import { References } from "./references.js";

/** See DurableBackend for what each member means. */
export class MemoryBackend {
  #objects = new Map(); // id -> {bytes}
  tombstones = new Set();
  references = new References();
  unsynced = false;
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
