// The bytes of framed-sha256: `kind SP length NUL body`. Reading goes from front to back and stops at the first condition
// of the chapter that holds, so the class it gives is always one that is true.

import { ASCII, textBytes, textOf } from "./grammar.js";
import { ID_BYTES, ZERO_ID, idAt, idBytes } from "./ids.js";
import { KINDS } from "./kinds.js";
import { checkAscends, checkNotEmpty, sortEntries, sortPairs } from "./maps.js";
import { invalid, malformed } from "./refusal.js";

const NUL = Buffer.from([0]);
const HEADER_BYTES = 28; // "message", SP, 19 digits, NUL

function readHeader(bytes) {
  const end = bytes.subarray(0, HEADER_BYTES).indexOf(0);
  if (end < 0) throw malformed("no NUL among the first 28 bytes");
  const header = bytes.toString("latin1", 0, end);
  const match = /^([^ ]+) ([0-9]{1,19})$/.exec(header);
  // [^ ] matches any byte, a line feed too, unlike `.` and `$`.
  if (match === null) throw malformed("the header is not kind, space, digits");
  const [, kind, digits] = match;
  if (!Object.hasOwn(KINDS, kind)) throw invalid("unknown kind");
  if (digits.length > 1 && digits[0] === "0") throw invalid("the length has a leading zero");
  const size = bytes.length - end - 1;
  if (digits !== String(size)) throw malformed(`the body has ${size} bytes, the header states another number`);
  return { kind, at: end + 1 };
}

function readText(reader, grammar) {
  const end = reader.bytes.indexOf(0, reader.at);
  if (end < 0) throw malformed(`a ${grammar.what} has no NUL after it`);
  const raw = reader.bytes.subarray(reader.at, end);
  reader.at = end + 1;
  return [raw, textOf(grammar, raw)];
}

function readIdOrZero(reader) {
  if (reader.bytes.length - reader.at < ID_BYTES) throw malformed("fewer bytes are left than an id needs");
  const id = idAt(reader.bytes, reader.at);
  reader.at += ID_BYTES;
  return id;
}

function readId(reader) {
  const id = readIdOrZero(reader);
  if (id === ZERO_ID) throw invalid("an id is all zero");
  return id;
}

function readHeaders(reader) {
  const headers = [];
  let before = null;
  for (;;) {
    if (reader.at === reader.bytes.length) throw malformed("a list of headers is not ended");
    if (reader.bytes[reader.at] === 0) break;
    const [raw, key] = readText(reader, ASCII.key);
    checkAscends(before, raw);
    before = raw;
    headers.push([key, readText(reader, ASCII.value)[1]]);
  }
  reader.at += 1;
  return headers;
}

function readNames(reader) {
  checkNotEmpty(reader.bytes.length - reader.at);
  const entries = [];
  let before = null;
  while (reader.at < reader.bytes.length) {
    const [raw, name] = readText(reader, ASCII.name);
    checkAscends(before, raw);
    before = raw;
    entries.push([name, readId(reader)]);
  }
  return entries;
}

function readPairs(reader) {
  checkNotEmpty(reader.bytes.length - reader.at);
  const entries = [];
  let before = null;
  while (reader.at < reader.bytes.length) {
    const raw = reader.bytes.subarray(reader.at, reader.at + ID_BYTES);
    const key = readId(reader);
    checkAscends(before, raw);
    before = raw;
    entries.push([key, readId(reader)]);
  }
  return entries;
}

function readData(reader) {
  const data = reader.bytes.subarray(reader.at);
  reader.at = reader.bytes.length;
  return data;
}

function readNone(reader) {
  const id = readIdOrZero(reader);
  return id === ZERO_ID ? null : id;
}

const READ = { headers: readHeaders, data: readData, names: readNames, pairs: readPairs, id: readId, none: readNone };

/**
 * Decode one object. Throws Refusal malformed or invalid.
 * Spec: the conditions of the chapter; grit.framed.header, .length, .fill, .terminator, .ascii.
 */
export function decodeFramed(bytes) {
  const { kind, at } = readHeader(bytes);
  const reader = { bytes, at };
  const object = { kind };
  for (const { name, type } of KINDS[kind]) object[name] = READ[type](reader);
  if (reader.at !== bytes.length) throw malformed("bytes follow the last field");
  return object;
}

function writeId(id) {
  if (id === ZERO_ID) throw invalid("an id is all zero");
  return [idBytes(id)];
}

function writeHeaders(headers) {
  const entries = headers.map(([key, value]) => [textBytes(ASCII.key, key), NUL, textBytes(ASCII.value, value), NUL]);
  return [...sortEntries(entries).flat(), NUL];
}

function writeNames(names) {
  checkNotEmpty(names.length);
  return sortEntries(names.map(([name, id]) => [textBytes(ASCII.name, name), NUL, ...writeId(id)])).flat();
}

function writePairs(pairs) {
  const ids = sortPairs(pairs).map(([key, id]) => key + id);
  return [Buffer.from(ids.join(""), "hex")]; // at once: a mailbox may have many entries
}

const WRITE = {
  headers: writeHeaders,
  data: (data) => [data],
  names: writeNames,
  pairs: writePairs,
  id: writeId,
  none: (id) => (id === null ? [idBytes(ZERO_ID)] : writeId(id)),
};

/** Encode one object. Throws Refusal invalid. Spec: grit.object.one-spelling, grit.object.encode-refuses. */
export function encodeFramed(object) {
  const body = Buffer.concat(KINDS[object.kind].flatMap(({ name, type }) => WRITE[type](object[name])));
  return Buffer.concat([Buffer.from(`${object.kind} ${body.length}\0`, "latin1"), body]);
}
