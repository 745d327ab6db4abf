// JSON as a guest reads and writes it: strictly, and a number keeps the bytes of its spelling.
//
// A value is null, true, false, a string without lone surrogates, a Spelled number, an array, or a Map of members. A natural
// number that the guest computes is a JavaScript number.

import { isUtf8 } from "node:buffer";

/** Objects and arrays within each other in a JSON text. */
export const NESTING = 32;

const NUMBER_BYTES = 32;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX = /[0-9A-Fa-f]{4}/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_PLAIN = 0x20;
const ESCAPES = new Map(
  Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }),
);
const WORDS = new Map([
  ["t", ["true", true]],
  ["f", ["false", false]],
  ["n", ["null", null]],
]);

/** A number that was read. */
export class Spelled {
  constructor(spelling) {
    this.spelling = spelling;
  }

  /** Spec: session-json, an integer. */
  get isInteger() {
    return !/[.eE]/.test(this.spelling);
  }

  /** The value if it is a natural number, else NaN; it is exact up to 2^53. */
  get natural() {
    return this.isInteger && this.spelling[0] !== "-" ? Number(this.spelling) : Number.NaN;
  }
}

class NotJson extends Error {}

const isSurrogate = (unit, first) => unit >= first && unit < first + 0x400;

class Reader {
  #at = 0;
  #depth = 0;

  constructor(text, nesting) {
    this.text = text;
    this.nesting = nesting;
  }

  whole() {
    const value = this.#value();
    this.#skipBlanks();
    if (this.#at < this.text.length) throw new NotJson();
    return value;
  }

  #skipBlanks() {
    for (;;) {
      const unit = this.text.charCodeAt(this.#at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.#at += 1;
    }
  }

  /** Skip blanks and, if it comes next, one character. */
  #skips(character) {
    this.#skipBlanks();
    if (this.text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character) {
    if (!this.#skips(character)) throw new NotJson();
  }

  /** What a sticky pattern matches here. */
  #match(pattern) {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.text);
    if (found === null) throw new NotJson();
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #value() {
    if (this.#skips('"')) return this.#string();
    if (this.#skips("{")) return this.#nested(() => this.#members());
    if (this.#skips("[")) return this.#nested(() => this.#items());
    const word = WORDS.get(this.text[this.#at]);
    if (word === undefined) return this.#number();
    const [spelling, value] = word;
    if (!this.text.startsWith(spelling, this.#at)) throw new NotJson();
    this.#at += spelling.length;
    return value;
  }

  #number() {
    const spelling = this.#match(NUMBER);
    if (spelling.length > NUMBER_BYTES) throw new NotJson();
    return new Spelled(spelling);
  }

  #nested(read) {
    this.#depth += 1;
    if (this.#depth > this.nesting) throw new NotJson();
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #items() {
    const items = [];
    if (this.#skips("]")) return items;
    do items.push(this.#value());
    while (this.#skips(","));
    this.#expect("]");
    return items;
  }

  #members() {
    const members = new Map();
    if (this.#skips("}")) return members;
    do {
      this.#expect('"');
      const name = this.#string();
      if (members.has(name)) throw new NotJson();
      this.#expect(":");
      members.set(name, this.#value());
    } while (this.#skips(","));
    this.#expect("}");
    return members;
  }

  #string() {
    const parts = [];
    for (let start = this.#at; ; ) {
      const unit = this.text.charCodeAt(this.#at);
      if (unit === QUOTE || unit === BACKSLASH) {
        parts.push(this.text.slice(start, this.#at));
        this.#at += 1;
        if (unit === QUOTE) return parts.join("");
        parts.push(this.#escape());
        start = this.#at;
      } else if (unit >= FIRST_PLAIN) this.#at += 1;
      else throw new NotJson(); // a control character, or the end
    }
  }

  #escape() {
    const letter = this.text[this.#at];
    this.#at += 1;
    if (letter !== "u") {
      if (!ESCAPES.has(letter)) throw new NotJson();
      return ESCAPES.get(letter);
    }
    const unit = Number.parseInt(this.#match(HEX), 16);
    if (isSurrogate(unit, 0xdc00)) throw new NotJson();
    return isSurrogate(unit, 0xd800) ? String.fromCharCode(unit, this.#partner()) : String.fromCharCode(unit);
  }

  #partner() {
    if (!this.text.startsWith("\\u", this.#at)) throw new NotJson();
    this.#at += 2;
    const unit = Number.parseInt(this.#match(HEX), 16);
    if (!isSurrogate(unit, 0xdc00)) throw new NotJson();
    return unit;
  }
}

/** The value of a text without lone surrogates, or undefined if it is not a JSON text. Spec: session.json.strict. */
export function parseText(text, nesting = NESTING) {
  try {
    return new Reader(text, nesting).whole();
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

/** The value of bytes, or undefined if they are not a JSON text. Spec: session.json.strict. */
export const parseJson = (bytes, nesting) => (isUtf8(bytes) ? parseText(bytes.toString("utf8"), nesting) : undefined);

/** The JSON of a value. Spec: session.json.spelling. */
export function spell(value) {
  if (value instanceof Spelled) return value.spelling;
  if (Array.isArray(value)) return `[${value.map(spell).join(",")}]`;
  if (!(value instanceof Map)) return JSON.stringify(value);
  const names = [...value.keys()].sort(); // by UTF-16 code units
  return `{${names.map((name) => `${JSON.stringify(name)}:${spell(value.get(name))}`).join(",")}}`;
}

/** A Map of the members of a plain object. */
export const members = (object) => new Map(Object.entries(object));
