// The documents of a Wasm actor: the members of its manifest and its state, and their bytes. One table for each says which
// members there are; reading is strict to the byte.

import { ARRAY, BYTES, SIMPLE, TEXT, UINT, expect, head, readMap, readString, string, writeMap } from "../cbor.js";
import { textOf } from "../grammar.js";
import { Refusal, invalid } from "../refusal.js";

export const MOST_U63 = 2n ** 63n - 1n;
const MOST_U64 = 2n ** 64n - 1n;
const MOST_PAGES = 65_536n;
const KEY_BYTES = 32;
const TRUE = 21; // the simple value
const CT_CBOR = [["ct", "cbor"]];

// A type is {read(reader, format), write(value)}; numbers that may be large are BigInts.
const number = (least, most) => ({
  read(reader) {
    const value = BigInt(expect(reader, UINT));
    if (value < least || value > most) throw invalid("a number outside its range");
    return value;
  },
  write: (value) => head(UINT, value),
});

const small = (least, most) => ({ ...number(least, most), read: (reader) => Number(number(least, most).read(reader)) });

const yes = {
  read(reader) {
    if (expect(reader, SIMPLE) !== TRUE) throw invalid("not true");
    return true;
  },
};

const key = {
  read(reader) {
    const bytes = readString(reader, BYTES);
    if (bytes.length !== KEY_BYTES) throw invalid("a key that is not 32 bytes long");
    return bytes;
  },
  write: (bytes) => string(BYTES, bytes),
};

const oneOf = (...words) => ({
  read(reader) {
    const word = readString(reader, TEXT).toString("latin1");
    if (!words.includes(word)) throw invalid("an unknown word");
    return word;
  },
  write: (word) => string(TEXT, Buffer.from(word)),
});

const list = (type) => ({
  read(reader) {
    const count = expect(reader, ARRAY);
    const items = [];
    while (items.length < count) items.push(type.read(reader));
    return items;
  },
  write: (items) => Buffer.concat([head(ARRAY, items.length), ...items.map(type.write)]),
});

const position = {
  read(reader) {
    if (expect(reader, ARRAY) !== 2) throw invalid("not a key and a position");
    return { key: key.read(reader), position: u63.read(reader) };
  },
  write: (at) => Buffer.concat([head(ARRAY, 2), key.write(at.key), u63.write(at.position)]),
};

const mapOf = (readName, type) => ({
  read: (reader, format) =>
    new Map(
      readMap(
        reader,
        (from) => readName(from, format),
        (from) => type.read(from, format),
      ),
    ),
});

const name = (reader, format) => textOf(format.grammar.name, readString(reader, TEXT));

const record = (members, optional) => ({
  read(reader, format) {
    const all = { ...members, ...optional };
    const readValue = (from, member) => {
      if (!Object.hasOwn(all, member)) throw invalid("an unknown member");
      return all[member].read(from, format);
    };
    const value = Object.fromEntries(readMap(reader, (from) => readString(from, TEXT).toString("latin1"), readValue));
    for (const member of Object.keys(members)) if (!Object.hasOwn(value, member)) throw invalid(`without ${member}`);
    return value;
  },
  write(value) {
    const all = { ...members, ...optional };
    const entries = Object.entries(value).map(([member, each]) => [
      string(TEXT, Buffer.from(member)),
      all[member].write(each),
    ]);
    return Buffer.concat(writeMap(entries));
  },
});

const one = small(1n, 1n);
const u63 = number(0n, MOST_U63);
const pages = small(0n, MOST_PAGES);

const MANIFEST = record(
  { v: one },
  {
    fuel: number(1n, MOST_U63),
    tank: u63,
    pages,
    image: yes,
    random: key,
    clock: record({ start: u63, tick: u63 }, {}),
    attempt: yes,
    query: yes,
    send: oneOf("reply", "any"),
    spawn: oneOf("wasm", "any"),
    code: yes,
    update: oneOf("any"),
    raw: yes,
    mounts: mapOf(name, oneOf("ro", "rw")),
  },
);

const STATE = record(
  { v: one, used: u63 },
  {
    pages,
    globals: list(number(0n, MOST_U64)),
    random: position,
    clock: u63,
    call: oneOf("wit"),
  },
);

/** The defaults. */
export const DEFAULTS = Object.freeze({ fuel: 10_000_000n, pages: 256, mounts: new Map() });

/** The value of a document of a type, or null if it is invalid: another kind, headers, bytes. Null as argument is an erased blob. */
function readDocument(type, format, object) {
  if (object?.kind !== "blob") return null;
  const { headers, data } = object;
  if (headers.length !== 1 || headers[0][0] !== "ct" || headers[0][1] !== "cbor") return null;
  try {
    const reader = { bytes: data, at: 0 };
    const value = type.read(reader, format);
    return reader.at === data.length ? value : null;
  } catch (error) {
    if (error instanceof Refusal) return null; // of the reading: malformed or invalid
    throw error;
  }
}

/** The manifest that an object is, with its defaults, or null. Spec: wasm.manifest.strict. */
export function readManifest(format, object) {
  const manifest = readDocument(MANIFEST, format, object);
  return manifest === null ? null : { ...DEFAULTS, ...manifest };
}

/** The state that an object is, or null. Spec: wasm.image.strict. */
export function readState(format, object) {
  const state = readDocument(STATE, format, object);
  if (state === null || (state.pages === undefined) !== (state.globals === undefined)) return null;
  return state.call !== undefined && state.pages === undefined ? null : state;
}

/** Make the document of a state: its id. */
export function writeState(workspace, state) {
  return workspace.writeBlob(STATE.write(state), CT_CBOR);
}
