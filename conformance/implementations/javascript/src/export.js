// Exports: a snapshot of references and of their closure, written as a bundle to a file or in pieces.

import fs from "node:fs";
import { writeBundle } from "./bundle.js";
import { writeAll } from "./files.js";
import { PIECE_BYTES } from "./limits.js";
import { missing } from "./refusal.js";

const WRITE_BYTES = 1 << 20;

/**
 * Take the snapshot that an export shows: {buffers, release}. Call release() when the buffers are no longer needed.
 *
 * `names` undefined means all references. Throws Refusal missing (a name, or something in the closure), invalid, exhausted.
 * Spec: grit.ref.snapshot, grit.graph.edges, grit.bundle.exact.
 */
function takeSnapshot(store, names) {
  const { backend, format } = store;
  backend.refresh();
  const refs = namedReferences(backend.references, names);
  const ids = store.closure(refs.map(([, target]) => target)).sort();
  // Entries stay valid while they are held, even if objects are pruned, erased or written again.
  const entries = new Map(ids.map((id) => [id, backend.tombstones.has(id) ? null : store.entry(id)]));
  const release = backend.hold();
  const encodingOf = (id) => (entries.get(id) === null ? null : store.verified(id, entries.get(id)));
  return { buffers: writeBundle(format, refs, ids, encodingOf), release };
}

function namedReferences(references, names) {
  if (names === undefined) return references.all();
  return [...new Set(names)].sort().map((name) => {
    const target = references.target(name);
    if (target === null) throw missing("a name is no reference of the store");
    return [name, target];
  });
}

/** Write a bundle to a file: {size, digest}. A refused export leaves no file. */
export function exportToFile(store, names, path) {
  const { buffers, release } = takeSnapshot(store, names);
  try {
    return writeFile(path, buffers);
  } finally {
    release();
  }
}

function writeFile(path, buffers) {
  const fd = fs.openSync(path, "w");
  try {
    return writeBuffers(fd, buffers);
  } catch (error) {
    fs.unlinkSync(path);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

function writeBuffers(fd, buffers) {
  let size = 0;
  let waiting = [];
  let waitingBytes = 0;
  let last = null;
  const flush = () => {
    writeAll(fd, [Buffer.concat(waiting)], size, (call) => call()); // a bundle is no store
    size += waitingBytes;
    waiting = [];
    waitingBytes = 0;
  };
  for (const bytes of buffers) {
    waiting.push(bytes);
    waitingBytes += bytes.length;
    last = bytes;
    if (waitingBytes >= WRITE_BYTES) flush();
  }
  flush();
  return { size, digest: last.toString("hex") };
}

/** An export that is read in pieces. */
export class PieceExport {
  #buffers;
  #release;
  #rest = Buffer.alloc(0); // read from the bundle, not yet given
  #isRead = false;

  constructor(store, names) {
    const { buffers, release } = takeSnapshot(store, names);
    this.#buffers = buffers;
    this.#release = release;
  }

  /** The next piece, and whether it is the last: {bytes, isLast}. Throws Refusal corrupt. */
  next() {
    const parts = [this.#rest];
    let size = this.#rest.length;
    while (size <= PIECE_BYTES && !this.#isRead) {
      const { value, done } = this.#buffers.next();
      if (done) this.#isRead = true;
      else {
        parts.push(value);
        size += value.length;
      }
    }
    const bytes = Buffer.concat(parts);
    this.#rest = bytes.subarray(PIECE_BYTES);
    return { bytes: bytes.subarray(0, PIECE_BYTES), isLast: this.#isRead && this.#rest.length === 0 };
  }

  /** End it; no further piece is returned. */
  close() {
    this.#release();
  }
}
