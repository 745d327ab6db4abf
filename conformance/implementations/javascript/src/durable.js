// The backend that stores everything in a directory:
//
//   log        everything (log.js)            log.next   the log that a compaction writes, then renamed over `log`
//   lock/      the lock of all writers        spool-*    an import in pieces; has no name while it holds any bytes
//
// Each operation first reads what others appended since, or, if `log` is another file than the open one, all of it. Reads
// need no lock: a record is either complete or absent. What is added and updated inside group() is appended as one write
// when the group ends. Erasing and pruning write a new log with the remaining
// records, so no bytes of removed objects stay in the directory. A process that has the old file open continues to read it.

import fs from "node:fs";
import path from "node:path";
import { durableWrite } from "./faults.js";
import { readUpTo, syncFolder, withRoom, writeAll } from "./files.js";
import { Lock } from "./lock.js";
import { HEAD_BYTES, LogFile, damaged, hashedRecord, recordHead, updatePayload } from "./log.js";
import { References } from "./references.js";
import { missing, rejected } from "./refusal.js";
import { FileSpool } from "./spool.js";

const COPY_BYTES = 1 << 20;
const TOMBSTONE_BYTES = 67; // in the payload of an update
const REFERENCE_BYTES = 305; // there, at most
const SLACK_BYTES = 1 << 18; // most bytes of updates before a new log is written

/** The state that the records of one log result in. */
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
  #group = null; // {parts, size, updated, entries} of what is to be appended
  #isAppending = false; // objects were added outside a group since the last sync
  #isRewriting = false;
  unsynced = false;
  epoch = 0; // changes whenever stored bytes may have changed or gone
  foreignRewrites = 0; // how often another process took the log's place, so that objects may have gone
  holders = new Set(); // those whose pins() a prune has to keep

  /** Open the store of a directory, or create it. Throws Refusal missing, rejected with the code format. */
  static open(folder, format, create) {
    const log = path.join(folder, "log");
    if (!create && !fs.existsSync(log)) throw missing("there is no store");
    fs.mkdirSync(path.join(folder, "lock"), { recursive: true });
    const lock = new Lock(path.join(folder, "lock"));
    if (!fs.existsSync(log)) withRoom(() => lock.hold(() => fs.existsSync(log) || makeLog(folder, format)));
    const backend = new DurableBackend(folder, lock);
    if (backend.format === format.name) return backend;
    if (backend.format === undefined) throw damaged("it has no first record");
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

  /** Read the changes that all processes have written so far. Spec: grit.store.put-visible, grit.ref.fresh. */
  refresh() {
    const log = path.join(this.folder, "log");
    const { ino, dev, size } = fs.statSync(log, { bigint: true });
    if (this.#file === null || this.#file.identity !== `${dev}:${ino}`) {
      if (this.#file !== null && !this.#isRewriting) this.foreignRewrites += 1;
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
    this.epoch += 1;
    this.unsynced = false; // the process that wrote the other file has synced it
  }

  /** Run `work` while no other process writes, on the latest state. */
  exclusively(work) {
    if (this.#group !== null) return work(); // the lock is held
    return withRoom(() =>
      this.#lock.hold(() => {
        const size = this.refresh(); // first, for it may open another file
        this.#file.dropTail(size);
        return work();
      }),
    );
  }

  /**
   * Run `work` exclusively, and append its additions and updates as one write when it has ended. It sees its own changes
   * at once. If it throws, or there is no room, none of them remains.
   */
  group(work) {
    if (this.#group !== null) return work();
    return this.exclusively(() => {
      const result = this.#collect(work);
      this.#shrink();
      return result;
    });
  }

  #collect(work) {
    this.#group = { parts: [], size: 0, updated: 0, entries: [] };
    const group = this.#group;
    try {
      const result = work();
      this.#appendGroup();
      return result;
    } catch (error) {
      this.#group = null;
      if (group.size > 0) this.#forget();
      throw error;
    } finally {
      this.#group = null;
    }
  }

  #forget() {
    this.#reopen(path.join(this.folder, "log"));
    this.unsynced = true; // the same file, in an unknown state
    this.refresh();
  }

  #appendGroup() {
    const { parts, size, updated, entries } = this.#group;
    if (size === 0) return;
    if (updated > 0 && this.#isAppending) this.sync(); // what the references lead to is durable before they are
    this.#file.append([Buffer.concat(parts)]);
    for (const entry of entries) delete entry.bytes;
    this.unsynced = true;
    this.#isAppending ||= updated < size;
  }

  #gather(buffers) {
    for (const bytes of buffers) {
      this.#group.parts.push(bytes);
      this.#group.size += bytes.length;
    }
  }

  /** The entry of an id under which bytes are stored, or undefined. */
  find(id) {
    return this.#index.objects.get(id);
  }

  /** The bytes of an entry as they are now, whatever they hash to. */
  load({ file, offset, size, bytes }) {
    return bytes ?? readUpTo(file.fd, offset, size); // bytes: it is of the group in progress
  }

  /** How many bytes are stored. */
  size(entry) {
    return entry.size;
  }

  /** Append an object, only inside exclusively(). */
  add(id, bytes) {
    if (this.#group !== null) return this.#addToGroup(id, bytes);
    const position = this.#file.append([Buffer.concat([recordHead("O", bytes.length, id), bytes])]);
    this.#index.objects.set(id, { file: this.#file, offset: position + HEAD_BYTES, size: bytes.length });
    this.unsynced = true;
    this.#isAppending = true;
  }

  #addToGroup(id, bytes) {
    const offset = this.#file.end + this.#group.size + HEAD_BYTES;
    const entry = { file: this.#file, offset, size: bytes.length, bytes };
    this.#gather([recordHead("O", bytes.length, id), bytes]);
    this.#group.entries.push(entry);
    this.#index.objects.set(id, entry);
  }

  /** Add tombstones and change references [[name, target or null]] at one moment. Spec: grit.ref.atomic. */
  update(tombstones, references) {
    if (this.#group !== null) return this.#updateInGroup(references);
    this.sync(); // what they lead to is durable before they are
    const payload = updatePayload(tombstones, references);
    this.#file.append([Buffer.concat(hashedRecord("U", payload))]);
    for (const id of tombstones) this.#index.tombstones.add(id);
    this.#index.references.apply(references);
    this.#index.updateBytes += payload.length;
    this.unsynced = true;
    this.#shrink();
  }

  // It follows the objects that it refers to, and a killed writer leaves a prefix of its write.
  #updateInGroup(references) {
    const payload = updatePayload([], references);
    this.#gather(hashedRecord("U", payload));
    this.#group.updated = this.#group.size;
    this.#index.references.apply(references);
    this.#index.updateBytes += payload.length;
  }

  /** Write a new log if the open one consists mostly of outdated updates. */
  #shrink() {
    const { updateBytes, tombstones, references } = this.#index;
    const needed = tombstones.size * TOMBSTONE_BYTES + references.size * REFERENCE_BYTES;
    if (updateBytes > SLACK_BYTES + 2 * needed && updateBytes > this.#file.end / 2) this.#rewrite(() => true, []);
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

  /** Change one stored byte, but not the data that is cached for it. */
  damage(id, offset, xor) {
    this.epoch += 1;
    const entry = this.find(id);
    const position = entry.offset + offset;
    const byte = readUpTo(entry.file.fd, position, 1);
    byte[0] ^= xor;
    writeAll(entry.file.fd, [byte], position);
  }

  /** Keep the objects of the current entries readable until the returned function is called. */
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
    durableWrite(() => fs.fdatasyncSync(this.#file.fd));
    this.unsynced = false;
    this.#isAppending = false;
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
      durableWrite(() => fs.rmSync(next, { force: true }));
      throw error;
    }
    durableWrite(() => fs.renameSync(next, path.join(this.folder, "log")));
    syncFolder(this.folder);
    this.#isRewriting = true;
    this.refresh();
    this.#isRewriting = false;
  }

  #writeNext(next, isKept, newTombstones) {
    const { objects, tombstones, references, format } = this.#index;
    writeLog(
      next,
      function* records(load) {
        yield* hashedRecord("F", Buffer.from(format, "latin1"));
        for (const [id, entry] of objects) {
          if (!isKept(id)) continue;
          yield recordHead("O", entry.size, id);
          yield load(entry);
        }
        yield* hashedRecord("U", updatePayload([...tombstones, ...newTombstones], references.all()));
      },
      (entry) => this.load(entry),
    );
  }
}

function writeLog(file, records, load) {
  const fd = durableWrite(() => fs.openSync(file, "w")); // which cuts what a killed process left there
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
    durableWrite(() => fs.fsyncSync(fd));
  } finally {
    fs.closeSync(fd);
  }
}

function makeLog(folder, format) {
  const next = path.join(folder, "log.next");
  writeLog(next, () => hashedRecord("F", Buffer.from(format.name, "latin1")));
  durableWrite(() => fs.renameSync(next, path.join(folder, "log")));
  syncFolder(folder);
}
