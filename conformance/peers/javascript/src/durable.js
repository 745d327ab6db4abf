// The backend that lives in a directory:
//
//   log        everything (log.js)            log.next   the log that a compaction writes, then renamed over `log`
//   lock/      the lock of all writers        spool-*    an import in pieces; has no name while it holds any bytes
//
// Each operation first reads what others appended since, or, if `log` is another file than the open one, all of it. Reads
// need no lock: a record is either whole or not there. Erasing and pruning write the log anew with what stays, so what
// goes leaves no bytes in the directory; whoever still has the old file open reads on in it.

import fs from "node:fs";
import path from "node:path";
import { readUpTo, syncFolder, withRoom, writeAll } from "./files.js";
import { Lock } from "./lock.js";
import { HEAD_BYTES, LogFile, hashedRecord, recordHead, updatePayload } from "./log.js";
import { References } from "./references.js";
import { missing, rejected } from "./refusal.js";
import { FileSpool } from "./spool.js";

const COPY_BYTES = 1 << 20;
const TOMBSTONE_BYTES = 67; // in the payload of an update
const REFERENCE_BYTES = 305; // there, at most
const SLACK_BYTES = 1 << 25; // updates that may pile up before the log is written anew

/** What the records of one log add up to. */
class Index {
  objects = new Map(); // id -> {file, offset, size}
  tombstones = new Set();
  references = new References();
  updateBytes = 0;

  take(file, { type, hash, offset, size, payload }) {
    if (type === "F") this.format = payload().toString("latin1");
    else if (type === "O") this.objects.set(hash, { file, offset, size });
    else {
      const { tombstones, references } = JSON.parse(payload().toString("utf8"));
      for (const id of tombstones) this.tombstones.add(id);
      this.references.apply(references);
      this.updateBytes += size;
    }
  }
}

/** A store's bytes in a directory. One per directory and process; handles share it. */
export class DurableBackend {
  #index = new Index();
  #file = null;
  #lock;
  #spools = 0;
  unsynced = false;

  /** Open what is in a directory, or make it. Throws Refusal missing, rejected with the code format. */
  static open(folder, format, create) {
    const log = path.join(folder, "log");
    if (!create && !fs.existsSync(log)) throw missing("there is no store");
    fs.mkdirSync(path.join(folder, "lock"), { recursive: true });
    const lock = new Lock(path.join(folder, "lock"));
    if (!fs.existsSync(log)) withRoom(() => lock.hold(() => fs.existsSync(log) || makeLog(folder, format)));
    const backend = new DurableBackend(folder, lock);
    if (backend.format === format.name) return backend;
    backend.close();
    throw rejected(`the store is of the format ${backend.format}`, "format");
  }

  constructor(folder, lock) {
    this.folder = folder;
    this.#lock = lock;
    this.refresh();
  }

  get format() {
    return this.#index.format;
  }

  get tombstones() {
    return this.#index.tombstones;
  }

  get references() {
    return this.#index.references;
  }

  /** See what every process has written up to now. Spec: grit.store.put-visible, grit.ref.fresh. */
  refresh() {
    const log = path.join(this.folder, "log");
    const { ino, dev, size } = fs.statSync(log, { bigint: true });
    if (this.#file === null || this.#file.identity !== `${dev}:${ino}`) {
      this.#reopen(log);
      return this.refresh();
    }
    if (Number(size) > this.#file.end) this.#file.scan(Number(size), (record) => this.#index.take(this.#file, record));
    return Number(size);
  }

  #reopen(log) {
    this.#file?.leave();
    this.#file = new LogFile(log);
    this.#index = new Index();
    this.unsynced = false; // whoever wrote the other file made it durable
  }

  /** Run `work` while no other process writes, on the latest state. */
  exclusively(work) {
    return withRoom(() =>
      this.#lock.hold(() => {
        // first refresh, which may open another file: `this.#file` must be looked up after it
        const size = this.refresh();
        this.#file.dropTail(size);
        return work();
      }),
    );
  }

  /** The entry of an id under which bytes are stored, or undefined. */
  find(id) {
    return this.#index.objects.get(id);
  }

  /** The bytes of an entry as they are now, whatever they hash to. */
  load({ file, offset, size }) {
    return readUpTo(file.fd, offset, size);
  }

  /** How many bytes are stored. */
  size(entry) {
    return entry.size;
  }

  /** Append an object, only inside exclusively(). */
  add(id, bytes) {
    const position = this.#file.append([Buffer.concat([recordHead("O", bytes.length, id), bytes])]);
    this.#index.objects.set(id, { file: this.#file, offset: position + HEAD_BYTES, size: bytes.length });
    this.unsynced = true;
  }

  /** Add tombstones and change references [[name, target or null]] at one moment. Spec: grit.ref.atomic. */
  update(tombstones, references) {
    this.sync(); // what they lead to is durable before they are
    const payload = updatePayload(tombstones, references);
    this.#file.append([Buffer.concat(hashedRecord("U", payload))]);
    for (const id of tombstones) this.#index.tombstones.add(id);
    this.#index.references.apply(references);
    this.#index.updateBytes += payload.length;
    this.unsynced = true;
    if (this.#isMostlyUpdates()) this.#rewrite(() => true, []);
  }

  #isMostlyUpdates() {
    const { updateBytes, tombstones, references } = this.#index;
    const needed = tombstones.size * TOMBSTONE_BYTES + references.size * REFERENCE_BYTES;
    return updateBytes > SLACK_BYTES + 2 * needed && updateBytes > this.#file.end / 2;
  }

  /** Keep only these ids; how many others there were. Spec: grit.prune.safe. */
  retain(kept) {
    let removed = 0;
    for (const id of this.#index.objects.keys()) removed += !kept.has(id);
    if (removed > 0) this.#rewrite((id) => kept.has(id), []);
    return removed;
  }

  /** Leave a tombstone for the bytes of an id. Spec: grit.erase.gone. */
  erase(id) {
    this.#rewrite((other) => other !== id, [id]);
  }

  /** Alter one stored byte, and nothing that is remembered of it. */
  damage(id, offset, xor) {
    const entry = this.find(id);
    const position = entry.offset + offset;
    const byte = readUpTo(entry.file.fd, position, 1);
    byte[0] ^= xor;
    writeAll(entry.file.fd, [byte], position);
  }

  /** Keep what the entries of now lead to readable until the function that this gives is called. */
  hold() {
    const file = this.#file.use();
    return () => file.leave();
  }

  /** Room for the pieces of an import. */
  spool() {
    this.#spools += 1;
    return new FileSpool(path.join(this.folder, `spool-${process.pid}-${this.#spools}`));
  }

  /** Make everything durable that was written. */
  sync() {
    if (!this.unsynced) return;
    fs.fdatasyncSync(this.#file.fd);
    this.unsynced = false;
  }

  close() {
    this.sync();
    this.#file.leave();
  }

  #rewrite(isKept, newTombstones) {
    const next = path.join(this.folder, "log.next");
    try {
      withRoom(() => this.#writeNext(next, isKept, newTombstones));
    } catch (error) {
      fs.rmSync(next, { force: true });
      throw error;
    }
    fs.renameSync(next, path.join(this.folder, "log"));
    syncFolder(this.folder);
    this.refresh();
  }

  #writeNext(next, isKept, newTombstones) {
    const { objects, tombstones, references, format } = this.#index;
    writeLog(next, function* records(load) {
      yield* hashedRecord("F", Buffer.from(format, "latin1"));
      for (const [id, entry] of objects) {
        if (!isKept(id)) continue;
        yield recordHead("O", entry.size, id);
        yield load(entry);
      }
      yield* hashedRecord("U", updatePayload([...tombstones, ...newTombstones], references.all()));
    }, (entry) => this.load(entry));
  }
}

function writeLog(file, records, load) {
  const fd = fs.openSync(file, "w");
  try {
    let position = 0;
    let waiting = [];
    let size = 0;
    const flush = () => {
      writeAll(fd, [Buffer.concat(waiting)], position);
      position += size;
      waiting = [];
      size = 0;
    };
    for (const bytes of records(load)) {
      waiting.push(bytes);
      size += bytes.length;
      if (size >= COPY_BYTES) flush();
    }
    flush();
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function makeLog(folder, format) {
  const next = path.join(folder, "log.next");
  writeLog(next, () => hashedRecord("F", Buffer.from(format.name, "latin1")));
  fs.renameSync(next, path.join(folder, "log"));
  syncFolder(folder);
}
