// The log file of a durable store: records one after another, appended only, and only by the holder of the lock.
//
//   record = head payload
//   head   = type (1 byte), 3 bytes 00, size of the payload (4 bytes), hash (32 bytes), CRC-32 of these 40 (4 bytes)
//   types    F  first record: payload is the name of the object format     hash: SHA-256 of the payload
//            O  an object: payload is its encoding                         hash: its id
//            U  an update: payload is JSON {tombstones, references}        hash: SHA-256 of the payload
//
// A killed writer leaves at most a last record that is too short; it is not read, and the next writer overwrites it. A whole
// head or payload with a wrong checksum is damage, and nothing is written behind it. An
// object with a complete payload is accepted without a check: its hash is compared with its id when it is read, so bytes
// that were changed later damage one object and not the next ones.

import { createHash } from "node:crypto";
import fs from "node:fs";
import { durableWrite } from "./faults.js";
import { readUpTo, withRoom, writeAll } from "./files.js";
import { missing } from "./refusal.js";

export const HEAD_BYTES = 44;
const WINDOW_BYTES = 1 << 18;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let crc = n;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The refusal for a log with wrong bytes. Spec: grit.store.damaged. */
export const damaged = (what) => missing(`the log of the store is damaged: ${what}`, "corrupt");

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The head of a record. */
export function recordHead(type, size, hash) {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(size, 4);
  head.write(hash, 8, "hex");
  head.writeUInt32BE(crc32(head.subarray(0, 40)), 40);
  return head;
}

/** A complete record whose hash is the SHA-256 of its payload, as buffers. */
export function hashedRecord(type, payload) {
  return [recordHead(type, payload.length, sha256(payload)), payload];
}

/** The payload of a U record. */
export const updatePayload = (tombstones, references) => Buffer.from(JSON.stringify({ tombstones, references }));

/** An open log. It stays open for as long as it is used, also when another file has taken its place. */
export class LogFile {
  #users = 1;

  constructor(path) {
    this.fd = fs.openSync(path, "r+");
    const { ino, dev } = fs.fstatSync(this.fd, { bigint: true });
    this.identity = `${dev}:${ino}`;
    this.end = 0; // where the last whole record that was read or written ends
  }

  use() {
    this.#users += 1;
    return this;
  }

  leave() {
    this.#users -= 1;
    if (this.#users === 0) fs.closeSync(this.fd);
  }

  /** Append buffers as one write, or leave the log as it was. Gives the position of the first byte. */
  append(buffers) {
    const position = this.end;
    try {
      withRoom(() => writeAll(this.fd, buffers, position));
    } catch (error) {
      durableWrite(() => fs.ftruncateSync(this.fd, position));
      throw error;
    }
    this.end = position + buffers.reduce((sum, { length }) => sum + length, 0);
    return position;
  }

  /** Drop what a killed writer left after the last complete record. Only while holding the lock. */
  dropTail(size) {
    if (size > this.end) durableWrite(() => fs.ftruncateSync(this.fd, this.end));
  }

  /** Read the complete records from the known end to `size`: calls visit({type, hash, offset, size, payload()}). */
  scan(size, visit) {
    const window = { start: 0, bytes: Buffer.alloc(0) };
    while (this.end + HEAD_BYTES <= size) {
      const head = this.#at(window, this.end, HEAD_BYTES, size);
      if (head.length < HEAD_BYTES) return;
      if (crc32(head.subarray(0, 40)) !== head.readUInt32BE(40)) throw damaged(`the head of the record at ${this.end}`);
      const record = {
        type: String.fromCharCode(head[0]),
        hash: head.toString("hex", 8, 40),
        offset: this.end + HEAD_BYTES,
        size: head.readUInt32BE(4),
      };
      if (record.offset + record.size > size) return;
      record.payload = () => this.#at(window, record.offset, record.size, size);
      if (record.type !== "O" && sha256(record.payload()) !== record.hash) throw damaged(`the record at ${this.end}`);
      visit(record);
      this.end = record.offset + record.size;
    }
  }

  #at(window, position, size, fileSize) {
    const from = position - window.start;
    if (from < 0 || from + size > window.bytes.length) {
      const wanted = Math.max(size, Math.min(WINDOW_BYTES, fileSize - position));
      window.start = position;
      window.bytes = readUpTo(this.fd, position, wanted);
      return window.bytes.subarray(0, size);
    }
    return window.bytes.subarray(from, from + size);
  }
}
