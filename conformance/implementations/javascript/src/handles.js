// Handles: the words under which one client has stores open, with the transfers in progress on each.

import fs from "node:fs";
import { DurableBackend } from "./durable.js";
import { PieceExport, exportToFile } from "./export.js";
import { importFile, importSource } from "./import.js";
import { MemoryBackend } from "./memory.js";
import { missing, rejected } from "./refusal.js";
import { MemorySpool } from "./spool.js";
import { Store } from "./store.js";

/** One open handle. */
class Handle {
  #exporting = null; // {pieces, cursor}
  #spool = null;
  #exports; // counts the exports of this word, so that no cursor comes twice

  constructor(store, release, exports) {
    this.store = store;
    this.release = release;
    this.#exports = exports;
  }

  exportTo(names, path) {
    const done = exportToFile(this.store, names, path);
    this.#endExport();
    return done;
  }

  /** The next piece of an export: {bytes, cursor}. Spec: grit.ref.snapshot. */
  exportPiece(names, cursor) {
    if (cursor === null) {
      const pieces = new PieceExport(this.store, names);
      this.#endExport();
      this.#exports.count += 1;
      this.#exporting = { pieces, cursor: null, given: 0 };
    } else if (this.#exporting === null || this.#exporting.cursor !== cursor) {
      throw rejected("the cursor is none of an export in progress");
    }
    return this.#nextPiece();
  }

  #nextPiece() {
    const exporting = this.#exporting;
    let piece;
    try {
      piece = exporting.pieces.next();
    } catch (error) {
      this.#endExport();
      throw error;
    }
    exporting.given += 1;
    exporting.cursor = piece.isLast ? null : `${this.#exports.count}.${exporting.given}`;
    if (piece.isLast) this.#endExport();
    return { bytes: piece.bytes, cursor: exporting.cursor };
  }

  #endExport() {
    this.#exporting?.pieces.close();
    this.#exporting = null;
  }

  importFrom(path) {
    return importFile(this.store, path);
  }

  /** Receive a piece of an import; the last one returns the counts of the import. A refusal drops the pieces. */
  importPiece(bytes, more) {
    try {
      this.#spool ??= this.store.backend.spool() ?? new MemorySpool();
      this.#spool.append(bytes);
      if (more) return { objects: 0, refs: 0 };
      const done = importSource(this.store, this.#spool);
      this.#dropPieces();
      return done;
    } catch (error) {
      this.#dropPieces();
      throw error;
    }
  }

  #dropPieces() {
    this.#spool?.close();
    this.#spool = null;
  }

  close() {
    this.#endExport();
    this.#dropPieces();
    this.release();
  }
}

/** All handles of one client. */
export class Handles {
  #open = new Map(); // word -> Handle
  #exports = new Map(); // word -> {count}
  #durable = new Map(); // real path -> {backend, users}

  /** The handle of a word. Throws Refusal missing. */
  get(word) {
    const handle = this.#open.get(word);
    if (handle === undefined) throw missing("the handle is not open");
    return handle;
  }

  /** Bind a word to a store. Throws Refusal rejected, missing. Spec: grit.store.format. */
  open(word, format, { backend, dir, create }) {
    if (this.#open.has(word)) throw rejected("the handle is open already");
    if (backend === "memory" && !create) throw missing("a memory store cannot be there before");
    const exports = this.#exports.get(word) ?? { count: 0 };
    this.#exports.set(word, exports);
    const isMemory = backend === "memory";
    const [opened, release] = isMemory ? [new MemoryBackend(), () => {}] : this.#openDurable(dir, format, create);
    this.#open.set(word, new Handle(new Store(format, opened), release, exports));
  }

  #openDurable(dir, format, create) {
    const real = realPath(dir);
    const shared = real === null ? undefined : this.#durable.get(real);
    if (shared === undefined) return this.#share({ backend: DurableBackend.open(dir, format, create), users: 0 }, dir);
    if (shared.backend.format !== format.name) throw rejected(`the store is ${shared.backend.format}`, "format");
    return this.#share(shared, dir);
  }

  #share(shared, dir) {
    const real = fs.realpathSync(dir);
    shared.users += 1;
    this.#durable.set(real, shared);
    const release = () => {
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#durable.delete(real);
      shared.backend.close();
    };
    return [shared.backend, release];
  }

  close(word) {
    this.get(word).close();
    this.#open.delete(word);
  }

  closeAll() {
    for (const word of [...this.#open.keys()]) this.close(word);
  }

  /** Whether anything was written that is not durable yet. */
  get unsynced() {
    for (const { backend } of this.#durable.values()) if (backend.unsynced) return true;
    return false;
  }

  /** Make all durable. */
  sync() {
    for (const { backend } of this.#durable.values()) backend.sync();
  }
}

function realPath(dir) {
  try {
    return fs.realpathSync(dir);
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  }
}
