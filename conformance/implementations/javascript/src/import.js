// Imports: verify the whole bundle, store its objects, then set tombstones and references in one update.

import fs from "node:fs";
import { readBundle } from "./bundle.js";
import { hashBytes } from "./formats.js";
import { readUpTo } from "./files.js";
import { missing } from "./refusal.js";

const BATCH_BYTES = 1 << 20; // stored under one hold of the lock, so that others need not wait for all of it

/** Import from a source of bytes: {objects, refs}. Spec: grit.bundle.import-atomic, grit.erase.no-return. */
export function importSource(store, source) {
  const bundle = readBundle(store.format, source);
  const { backend } = store;
  backend.refresh();
  store.newReferences(bundle.refs); // refuse early, before anything is stored
  for (const batch of batches(bundle)) {
    backend.exclusively(() => {
      for (const [id, frame] of batch) store.keep(id, encoding(store, bundle, id, frame));
    });
  }
  backend.exclusively(() => commit(store, bundle));
  return { objects: bundle.objectCount, refs: bundle.refs.length };
}

function* batches(bundle) {
  let batch = [];
  let size = 0;
  for (const [id, frame] of bundle.frames) {
    if (frame.kind === null) continue;
    batch.push([id, frame]);
    size += frame.size;
    if (size < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    size = 0;
  }
  yield batch;
}

// Another process may be writing to the source file, so only objects whose hash is right now are stored.
function encoding(store, bundle, id, frame) {
  const bytes = bundle.encoding(frame);
  if (hashBytes(store.format, bytes) !== id) throw new Error("the source of an import changed while it was read");
  return bytes;
}

function commit(store, bundle) {
  const { backend } = store;
  const tombstones = [];
  for (const [id, frame] of bundle.frames) {
    const isStored = backend.find(id) !== undefined || backend.tombstones.has(id);
    if (isStored) continue;
    if (frame.kind === null) tombstones.push(id);
    else store.keep(id, encoding(store, bundle, id, frame)); // pruned by another process since its batch
  }
  const changes = store.newReferences(bundle.refs);
  if (tombstones.length + changes.length > 0) backend.update(tombstones, changes);
}

/** Import from a file. Throws Refusal missing if there is none. */
export function importFile(store, path) {
  const fd = openFile(path);
  try {
    const { size } = fs.fstatSync(fd);
    const read = (position, wanted) => readUpTo(fd, position, Math.max(0, Math.min(wanted, size - position)));
    return importSource(store, { size, read });
  } finally {
    fs.closeSync(fd);
  }
}

function openFile(path) {
  try {
    return fs.openSync(path, "r");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") throw missing("there is no such file");
    throw error;
  }
}
