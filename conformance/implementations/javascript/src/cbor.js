// The bytes of cbor-blake3: one deterministic CBOR item. Reading goes from front to back, item by item as the layout wants
// them, and stops at the first condition of the chapter that holds. It never descends into what the layout does not
// have, so nesting costs nothing, and it reserves no memory for a stated length or count.

import { UTF8, textBytes, textOf } from "./grammar.js";
import { ID_BYTES, ZERO_ID, idAt, idBytes } from "./ids.js";
import { KINDS, KIND_NAMES } from "./kinds.js";
import { checkAscends, checkNotEmpty, sortEntries, sortPairs } from "./maps.js";
import { invalid, malformed } from "./refusal.js";

export const UINT = 0;
export const BYTES = 2;
export const TEXT = 3;
export const ARRAY = 4;
export const MAP = 5;
export const SIMPLE = 7;
const NULL = 0xf6;
const ID_HEAD = "5820"; // a byte string of 32 bytes, as hexadecimal digits
const MAJOR_WORDS = ["uint", "negative integer", "byte string", "text", "array", "map", "tag", "simple or float"];

function readArgument(reader, size) {
  if (reader.bytes.length - reader.at < size) throw malformed("the bytes end within a head");
  const high = size === 8 ? reader.bytes.readUInt32BE(reader.at) : 0;
  const low = reader.bytes.readUIntBE(reader.at + (size === 8 ? 4 : 0), Math.min(size, 4));
  reader.at += size;
  if (high >= 2 ** 21) return (BigInt(high) << 32n) + BigInt(low); // what a number does not hold exactly
  return high * 2 ** 32 + low;
}

/** Read one head: {major, value, shortest}. Throws Refusal unless it is the head of an item of definite length. */
export function readHead(reader) {
  if (reader.at === reader.bytes.length) throw malformed("the bytes end before an item");
  const initial = reader.bytes[reader.at];
  reader.at += 1;
  const major = initial >> 5;
  const info = initial & 31;
  if (info < 24) return { major, value: info, shortest: true };
  if (info === 31) {
    if (major === SIMPLE) throw malformed("FF outside of an indefinite-length item");
    if (major === 0 || major === 1 || major === 6)
      throw malformed("additional information 31 with major type 0, 1 or 6");
    throw invalid("an indefinite length");
  }
  if (info > 27) throw malformed("additional information 28 to 30");
  const size = 1 << (info - 24);
  const value = readArgument(reader, size);
  if (major === SIMPLE && size === 1 && value < 32) throw malformed("F8 is followed by a byte below 20");
  return { major, value, shortest: value > [23, 0xff, 0xffff, 0xffffffff][info - 24] };
}

/** Read the head of an item of a major type: its value, a BigInt from 2^53 on. */
export function expect(reader, wanted) {
  const { major, value, shortest } = readHead(reader);
  if (major !== wanted) throw invalid(`${MAJOR_WORDS[major]} instead of ${MAJOR_WORDS[wanted]}`);
  if (!shortest) throw invalid("a head is longer than it needs to be");
  return value;
}

/** Read a string of bytes or text: its bytes. */
export function readString(reader, major) {
  const size = expect(reader, major);
  if (size > reader.bytes.length - reader.at) throw malformed("the bytes end within a string");
  const start = reader.at;
  reader.at += size;
  return reader.bytes.subarray(start, reader.at);
}

function readId(reader) {
  const raw = readString(reader, BYTES);
  if (raw.length !== ID_BYTES) throw invalid(`an id of ${raw.length} bytes`);
  const id = idAt(raw, 0);
  if (id === ZERO_ID) throw invalid("an id is all zero");
  return id;
}

function readNone(reader) {
  if (reader.bytes[reader.at] !== NULL) return readId(reader);
  reader.at += 1;
  return null;
}

const readText = (reader, grammar) => textOf(grammar, readString(reader, TEXT));

/** Read a map: [[key, value], ...]; `readKey(reader)`, `readValue(reader, key)`. */
export function readMap(reader, readKey, readValue) {
  const count = expect(reader, MAP);
  const entries = [];
  let before = null;
  for (let i = 0; i < count; i += 1) {
    const start = reader.at;
    const key = readKey(reader);
    const encoded = reader.bytes.subarray(start, reader.at);
    checkAscends(before, encoded);
    before = encoded;
    entries.push([key, readValue(reader, key)]);
  }
  return entries;
}

function readFullMap(reader, readKey, readValue) {
  const entries = readMap(reader, readKey, readValue);
  checkNotEmpty(entries.length);
  return entries;
}

const readKey = (reader) => readText(reader, UTF8.key);
const readValue = (reader) => readText(reader, UTF8.value);
const readName = (reader) => readText(reader, UTF8.name);

const READ = {
  headers: (reader) => readMap(reader, readKey, readValue),
  data: (reader) => readString(reader, BYTES),
  names: (reader) => readFullMap(reader, readName, readId),
  pairs: (reader) => readFullMap(reader, readId, readId),
  id: readId,
  none: readNone,
};

/**
 * Decode one object. Throws Refusal malformed or invalid.
 * Spec: the conditions of the chapter; grit.cbor.shape, .shortest, .definite, .map-order, .plain, .one-item, .depth.
 */
export function decodeCbor(bytes) {
  const reader = { bytes, at: 0 };
  const count = expect(reader, ARRAY);
  if (count === 0) throw invalid("an empty array"); // its well-formed end is near: do not look for a kind
  const number = expect(reader, UINT);
  if (number >= KIND_NAMES.length) throw invalid("unknown kind");
  const kind = KIND_NAMES[number];
  if (count !== KINDS[kind].length + 1) throw invalid(`an array of ${count} for a ${kind}`);
  const object = { kind };
  for (const { name, type } of KINDS[kind]) object[name] = READ[type](reader);
  if (reader.at !== bytes.length) throw malformed("bytes follow the item");
  return object;
}

/** The head of an item; `value` is a number or a BigInt below 2^64. */
export function head(major, value) {
  if (value < 24) return Buffer.from([(major << 5) | Number(value)]);
  const size = value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
  const bytes = Buffer.alloc(1 + size);
  bytes[0] = (major << 5) | (24 + Math.log2(size));
  if (size === 8) bytes.writeBigUInt64BE(BigInt(value), 1);
  else bytes.writeUIntBE(Number(value), 1, size);
  return bytes;
}

/** A string of bytes or text. */
export const string = (major, bytes) => Buffer.concat([head(major, bytes.length), bytes]);

const writeText = (grammar, text) => string(TEXT, textBytes(grammar, text));

function writeId(id) {
  if (id === ZERO_ID) throw invalid("an id is all zero");
  return string(BYTES, idBytes(id));
}

/** Encoded entries [[keyBytes, valueBytes], ...] as a map. */
export function writeMap(entries) {
  return [head(MAP, entries.length), ...sortEntries(entries).flat()];
}

function writeFullMap(entries) {
  checkNotEmpty(entries.length);
  return writeMap(entries);
}

// At once: a mailbox may have many entries.
function writePairs(pairs) {
  const ids = sortPairs(pairs).map(([key, id]) => key + ID_HEAD + id);
  return [head(MAP, pairs.length), Buffer.from(ID_HEAD + ids.join(ID_HEAD), "hex")];
}

const WRITE = {
  headers: (headers) =>
    writeMap(headers.map(([key, value]) => [writeText(UTF8.key, key), writeText(UTF8.value, value)])),
  data: (data) => [string(BYTES, data)],
  names: (names) => writeFullMap(names.map(([name, id]) => [writeText(UTF8.name, name), writeId(id)])),
  pairs: writePairs,
  id: (id) => [writeId(id)],
  none: (id) => (id === null ? [Buffer.from([NULL])] : [writeId(id)]),
};

/** Encode one object. Throws Refusal invalid. Spec: grit.object.one-spelling, grit.object.encode-refuses. */
export function encodeCbor(object) {
  const fields = KINDS[object.kind];
  const start = [head(ARRAY, fields.length + 1), head(UINT, KIND_NAMES.indexOf(object.kind))];
  return Buffer.concat([...start, ...fields.flatMap(({ name, type }) => WRITE[type](object[name]))]);
}
