// Bundles as bytes: reading with all conditions of the chapter, and writing.
//
// A source of bytes has `size` and `read(position, size)`. Reading goes over it once from front to back, keeps id, place
// and kind of each frame, and goes back to the source for the objects that have edges.

import { decodeObject, startHash } from "./formats.js";
import { formClosure } from "./graph.js";
import { ID_BYTES, ZERO_ID, idBytes } from "./ids.js";
import { LIMITS } from "./limits.js";
import { isTarget, splitName, wantsKind } from "./references.js";
import { exhausted, invalid, malformed, rejected } from "./refusal.js";

const FIRST_LINE = "gritstone bundle 1";
const FORMAT_LINE = /^format ([a-z][a-z0-9-]{0,31})$/;
const REF_LINE = /^ref ([\x21-\x7e]{1,233}) ([0-9a-f]{64})$/;
const LINE_BYTES = 303; // the longest line, its LF included
const LF = 0x0a;
const OBJECT = 0x6f;
const TOMBSTONE = 0x78;
const END = 0x7a;
const WINDOW_BYTES = 1 << 18;

/** A source of bytes over one buffer. */
export const bufferSource = (bytes) => ({
  size: bytes.length,
  read: (position, size) => bytes.subarray(position, position + size),
});

class Reader {
  position = 0;
  #start = 0; // where the window begins
  #window = Buffer.alloc(0);
  #hash = null;

  constructor(source) {
    this.source = source;
  }

  get left() {
    return this.source.size - this.position;
  }

  startHash(format) {
    this.#hash = startHash(format);
    for (let at = 0; at < this.position; ) {
      const bytes = this.source.read(at, Math.min(WINDOW_BYTES, this.position - at));
      this.#hash.update(bytes);
      at += bytes.length;
    }
  }

  digest() {
    return this.#hash.digest();
  }

  peek(size) {
    const from = this.position - this.#start;
    if (from + size > this.#window.length) {
      this.#start = this.position;
      this.#window = this.source.read(this.position, Math.max(size, WINDOW_BYTES));
      return this.#window.subarray(0, size);
    }
    return this.#window.subarray(from, from + size);
  }

  /** The next bytes, exactly so many. */
  take(size, hashed = true) {
    const bytes = this.peek(size);
    if (bytes.length < size) throw malformed("the bundle ends too early");
    if (hashed) this.#hash?.update(bytes);
    this.position += size;
    return bytes;
  }

  line() {
    const end = this.peek(LINE_BYTES).indexOf(LF);
    if (end < 0) throw malformed("a line has no end");
    return this.take(end + 1).toString("latin1", 0, end);
  }

  /** An unsigned number of eight bytes, as a BigInt. */
  number() {
    return this.take(8).readBigUInt64BE();
  }
}

function readFormatName(reader) {
  if (reader.line() !== FIRST_LINE) throw malformed("the first line is not that of a bundle");
  const match = FORMAT_LINE.exec(reader.line());
  if (match === null) throw malformed("the second line does not name a format");
  return match[1];
}

/** The name of the format in the header of a bundle. Throws Refusal malformed. */
export const formatNameOf = (source) => readFormatName(new Reader(source));

function readHeader(reader, format) {
  const name = readFormatName(reader);
  if (name !== format.name) throw rejected(`a bundle of the format ${name}, not ${format.name}`, "format");
  reader.startHash(format);
  const refs = [];
  for (let line = reader.line(); line !== ""; line = reader.line()) refs.push(readReference(line, refs.at(-1)));
  return refs;
}

function readReference(line, before) {
  const match = REF_LINE.exec(line);
  if (match === null) throw malformed("a line before the empty line is no reference");
  const [, name, target] = match;
  if (splitName(name) === null) throw invalid("the name of a reference is outside its grammar");
  if (before !== undefined && before[0] >= name) throw invalid("the names of references do not ascend");
  return [name, target];
}

function readObjectFrame(reader, format) {
  const size = reader.number();
  if (size > BigInt(LIMITS.object_bytes)) throw exhausted(`an object of ${size} bytes`);
  const offset = reader.position;
  const { object, id } = decodeObject(format, reader.take(Number(size)));
  return [id, { kind: object.kind, offset, size: Number(size) }];
}

function readTombstone(reader) {
  const id = reader.take(ID_BYTES).toString("hex");
  if (id === ZERO_ID) throw invalid("the id of a tombstone is all zero");
  return [id, { kind: null }];
}

function readFrames(reader, format) {
  const frames = new Map();
  let before = "";
  for (;;) {
    const type = reader.take(1)[0];
    if (type === END) break;
    if (type !== OBJECT && type !== TOMBSTONE) throw malformed("a frame begins with an unknown byte");
    const [id, frame] = type === OBJECT ? readObjectFrame(reader, format) : readTombstone(reader);
    if (id <= before) throw invalid("the ids of frames do not ascend");
    before = id;
    frames.set(id, frame);
  }
  return frames;
}

function readEnd(reader, frames) {
  const count = reader.number();
  const digest = reader.digest();
  const stated = reader.take(ID_BYTES, false).toString("hex");
  if (reader.left > 0) throw malformed("bytes follow the end");
  if (count !== BigInt(frames.size)) throw invalid(`${frames.size} frames, ${count} counted`);
  if (stated !== digest) throw invalid("the digest is not that of the bytes before it", "digest");
}

/** The contents of a verified bundle; objects are read from its source again. */
class Bundle {
  constructor(format, refs, frames, source) {
    this.format = format;
    this.refs = refs; // [[name, target], ...] ascending
    this.frames = frames; // id -> {kind, offset, size}, kind null for a tombstone; ascending
    this.source = source;
  }

  /** How many object frames there are. */
  get objectCount() {
    let count = 0;
    for (const { kind } of this.frames.values()) count += kind !== null;
    return count;
  }

  /** The encoding of an object frame. */
  encoding({ offset, size }) {
    return this.source.read(offset, size);
  }

  /** The object of an id, or null for a tombstone. Throws Refusal invalid if the bundle has no frame for it. */
  object(id) {
    const frame = this.frames.get(id);
    if (frame === undefined) throw invalid(`${id} is no frame`);
    if (frame.kind === null) return null;
    return this.format.decode(this.encoding(frame));
  }

  // As object(), but an object without edges is not read again.
  #walked(id) {
    const kind = this.frames.get(id)?.kind;
    return kind === "blob" ? { kind } : this.object(id);
  }

  checkGraph() {
    for (const [name, target] of this.refs) {
      // No space requires a blob, so a tombstone fits only in a space without a required kind.
      const frame = this.frames.get(target);
      if (frame === undefined) throw invalid(`the target of ${name} is no frame`);
      if (!wantsKind(name)) continue;
      if (frame.kind === null || !isTarget(name, this.object(target))) {
        throw invalid(`the target of ${name} is not of the kind that its space wants`);
      }
    }
    const roots = this.refs.map(([, target]) => target);
    const reached = formClosure(roots, (id) => this.#walked(id), LIMITS.tree_depth);
    if (reached.length !== this.frames.size) throw invalid("a frame is not reached");
  }
}

/**
 * Read and verify a bundle of a format, from its bytes alone.
 * Throws Refusal by the conditions of the chapter. Spec: grit.bundle.exact, grit.bundle.verify, grit.bundle.truncated.
 */
export function readBundle(format, source) {
  const reader = new Reader(source);
  const refs = readHeader(reader, format);
  const frames = readFrames(reader, format);
  readEnd(reader, frames);
  const bundle = new Bundle(format, refs, frames, source);
  bundle.checkGraph();
  return bundle;
}

function numbered(type, number) {
  const bytes = Buffer.alloc(9);
  bytes[0] = type;
  bytes.writeBigUInt64BE(BigInt(number), 1);
  return bytes;
}

/**
 * Write a bundle as a sequence of buffers; the last one is the digest.
 *
 * `refs` are [[name, target], ...] ascending by name; `ids` ascend; `encodingOf(id)` gives bytes, or null for a tombstone.
 * Spec: grit.bundle.bytes, grit.bundle.deterministic.
 */
export function* writeBundle(format, refs, ids, encodingOf) {
  const hash = startHash(format);
  for (const bytes of bundleBody(format, refs, ids, encodingOf)) {
    hash.update(bytes);
    yield bytes;
  }
  yield idBytes(hash.digest());
}

function* bundleBody(format, refs, ids, encodingOf) {
  const lines = [FIRST_LINE, `format ${format.name}`, ...refs.map(([name, target]) => `ref ${name} ${target}`), "", ""];
  yield Buffer.from(lines.join("\n"), "latin1");
  for (const id of ids) {
    const encoding = encodingOf(id);
    if (encoding === null) yield Buffer.from(`${TOMBSTONE.toString(16)}${id}`, "hex");
    else yield Buffer.concat([numbered(OBJECT, encoding.length), encoding]);
  }
  yield numbered(END, ids.length);
}
