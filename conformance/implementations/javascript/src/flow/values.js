// The values of flows and their one encoding.
//
// A value is null, true, false, a BigInt, a string without lone surrogates, a Ref, an array, or a Map from strings. The
// keys of a Map that was read are in key order.

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { ARRAY, BYTES, MAP, SIMPLE, TEXT, UINT, head, readHead, string } from "../cbor.js";
import { checkAscends, sortEntries } from "../maps.js";
import { Refusal, exhausted, malformed } from "../refusal.js";

/** Bytes of the encoding of a program. */
export const PROGRAM_BYTES = 131_072;
/** Bytes of the encoding of any other value. */
export const VALUE_BYTES = 65_536;

const NESTING = 16;
const MOST_INT = 2n ** 63n - 1n;
const NAME = /^[a-z][a-z0-9_]{0,62}$/;
const NEGATIVE = 1;
const FALSE = 20;
const TRUE = 21;
const NULL = 22;

/** The name of a sealed blob. */
export class Ref {
  constructor(name) {
    this.name = name;
  }
}

/** Whether a text is a name: of a ref, a node, a sub, a tool or a peer. */
export const isName = (text) => NAME.test(text);

/** Whether an integer is a value. */
export const isInt = (number) => -MOST_INT - 1n <= number && number <= MOST_INT;

/** The order of keys that are names: a shorter one comes first. */
export const compareNames = (a, b) => a.length - b.length || (a < b ? -1 : Number(a > b));

/** The map of an object's members, without those that are undefined. */
export const members = (object) => new Map(Object.entries(object).filter(([, value]) => value !== undefined));

/** The names of all refs in a value. */
export function* refsIn(value) {
  if (value instanceof Ref) yield value.name;
  else if (Array.isArray(value)) for (const item of value) yield* refsIn(item);
  else if (value instanceof Map) for (const item of value.values()) yield* refsIn(item);
}

/** The kind of a value. */
export function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (value instanceof Map) return "map";
  if (value instanceof Ref) return "ref";
  return { boolean: "bool", bigint: "int", string: "text" }[typeof value];
}

class Reader {
  at = 0;

  constructor(bytes) {
    this.bytes = bytes;
  }

  value(depth) {
    const { major, value, shortest } = readHead(this);
    if (!shortest) throw malformed("a head is longer than it needs to be");
    if (major === UINT) return this.#int(BigInt(value));
    if (major === NEGATIVE) return this.#int(-1n - BigInt(value));
    if (major === TEXT) return this.#text(value);
    if (major === BYTES) return this.#ref(value);
    if (major === ARRAY) return this.#list(value, depth + 1);
    if (major === MAP) return this.#map(value, depth + 1);
    if (major === SIMPLE && value === NULL) return null;
    if (major === SIMPLE && (value === FALSE || value === TRUE)) return value === TRUE;
    throw malformed("an item that is no value");
  }

  #int(number) {
    if (!isInt(number)) throw malformed("an integer of more than 63 bits and a sign");
    return number;
  }

  #string(size) {
    if (size > this.bytes.length - this.at) throw malformed("the bytes end within a string");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  #text(size) {
    const bytes = this.#string(size);
    if (!isUtf8(bytes)) throw malformed("a text is not UTF-8");
    return bytes.toString("utf8");
  }

  #ref(size) {
    const name = this.#string(size).toString("latin1");
    if (!isName(name)) throw malformed("a byte string that is no name");
    return new Ref(name);
  }

  #list(count, depth) {
    checkNesting(depth);
    const items = [];
    for (let i = 0; i < count; i += 1) items.push(this.value(depth));
    return items;
  }

  #map(count, depth) {
    checkNesting(depth);
    const members = new Map();
    let before = null;
    for (let i = 0; i < count; i += 1) {
      const start = this.at;
      const key = this.value(depth);
      if (typeof key !== "string") throw malformed("a key that is no text");
      const encoded = this.bytes.subarray(start, this.at);
      checkAscends(before, encoded);
      before = encoded;
      members.set(key, this.value(depth));
    }
    return members;
  }
}

function checkNesting(depth) {
  if (depth > NESTING) throw exhausted(`more than ${NESTING} lists and maps in each other`);
}

/**
 * Decode a value. Throws Refusal exhausted if the bytes are more than `most` or nest too deeply, and malformed if they are
 * not the encoding of a value. Spec: flow.value.canonical, flow.value.limits.
 */
export function decodeValue(bytes, most = VALUE_BYTES) {
  if (bytes.length > most) throw exhausted(`a value of more than ${most} bytes`);
  const reader = new Reader(bytes);
  try {
    const value = reader.value(0);
    if (reader.at < bytes.length) throw malformed("bytes follow the value");
    return value;
  } catch (error) {
    if (error instanceof Refusal && error.refusalClass === "invalid") throw malformed(error.message);
    throw error;
  }
}

const textItem = (text) => string(TEXT, Buffer.from(text, "utf8"));

class Writer {
  constructor(room) {
    this.room = room;
  }

  #took(bytes) {
    this.room -= bytes.length;
    if (this.room < 0) throw exhausted("a value that is too long");
    return bytes;
  }

  value(value, depth) {
    if (Array.isArray(value)) return this.#list(value, depth + 1);
    if (value instanceof Map) return this.#map(value, depth + 1);
    return this.#took(scalar(value));
  }

  #list(items, depth) {
    checkNesting(depth);
    const start = this.#took(head(ARRAY, items.length));
    return Buffer.concat([start, ...items.map((item) => this.value(item, depth))]);
  }

  #map(members, depth) {
    checkNesting(depth);
    const start = this.#took(head(MAP, members.size));
    const entries = [...members].map(([key, value]) => [this.#took(textItem(key)), this.value(value, depth)]);
    return Buffer.concat([start, ...sortEntries(entries).flat()]);
  }
}

function scalar(value) {
  if (value === null) return head(SIMPLE, NULL);
  if (typeof value === "boolean") return head(SIMPLE, value ? TRUE : FALSE);
  if (typeof value === "bigint") return value < 0n ? head(NEGATIVE, -1n - value) : head(UINT, value);
  if (typeof value === "string") return textItem(value);
  return string(BYTES, Buffer.from(value.name, "latin1"));
}

/**
 * The encoding of a value. Throws Refusal exhausted if it would be longer than `most` or nest too deeply.
 * Spec: flow.value.canonical, flow.value.limits.
 */
export const encodeValue = (value, most = VALUE_BYTES) => new Writer(most).value(value, 0);

/** Whether two values within the limits are equal. Spec: flow.value.injective. */
export const areEqual = (a, b) =>
  kindOf(a) === kindOf(b) && encodeValue(a, PROGRAM_BYTES).equals(encodeValue(b, PROGRAM_BYTES));

/** The digest of the value with an encoding. */
export const hashOf = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The digest of a value. Spec: flow.value.injective. */
export const digestOf = (value) => hashOf(encodeValue(value, PROGRAM_BYTES));
