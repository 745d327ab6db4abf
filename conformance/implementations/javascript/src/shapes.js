// The shapes of arguments, as in spec/schemas/request.schema.json. A shape is a function (value, where) that gives the
// parsed value (bytes become a Buffer) or throws Misfit. Objects are closed.

import { Misfit } from "./refusal.js";

const MOST = Number.MAX_SAFE_INTEGER;

const misfit = (where, what) => new Misfit(`${where}: ${what}`);

const matching = (pattern, what) => (value, where) => {
  if (typeof value !== "string" || !pattern.test(value)) throw misfit(where, `not ${what}`);
  return value;
};

/** An integer from `least` to `most`. */
export const uint =
  (least = 0, most = MOST) =>
  (value, where) => {
    if (!Number.isSafeInteger(value) || value < least || value > most) throw misfit(where, `not ${least} to ${most}`);
    return value;
  };

/** Any text. */
export const text = (value, where) => {
  if (typeof value !== "string") throw misfit(where, "not text");
  return value;
};

/** Text that is not empty. */
export const word = (value, where) => {
  if (text(value, where) === "") throw misfit(where, "empty text");
  return value;
};

/** true or false. */
export const flag = (value, where) => {
  if (typeof value !== "boolean") throw misfit(where, "not true or false");
  return value;
};

export const id = matching(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits");
export const handle = matching(/^[a-z][a-z0-9-]{0,31}$/, "a handle");
export const formatName = matching(/^[a-z][a-z0-9-]{0,31}$/, "the name of a format");
export const specVersion = matching(/^(?=.{1,16}$)(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)$/, "a version");

/** An absolute path; NUL is invalid in paths. */
export const path = (value, where) => {
  if (!word(value, where).startsWith("/") || value.includes("\0")) throw misfit(where, "not an absolute path");
  return value;
};

/** Bytes in canonical base64url. Spec: harness.bytes.canonical. */
export const bytes = (value, where) => {
  const decoded = Buffer.from(text(value, where), "base64url");
  if (decoded.toString("base64url") !== value) throw misfit(where, "not canonical base64url");
  return decoded;
};

/** Bytes of a shape, exactly so many. */
export const sized = (shape, size) => (value, where) => {
  const decoded = shape(value, where);
  if (decoded.length !== size) throw misfit(where, `not ${size} bytes`);
  return decoded;
};

/** An unsigned number of 64 bits, as a BigInt. */
export const u64 = (value, where) => {
  const number = BigInt(matching(/^(?:0|[1-9][0-9]{0,19})$/, "a number of 64 bits")(value, where));
  if (number >= 2n ** 64n) throw misfit(where, "more than 64 bits");
  return number;
};

/** An effect: sender and message. */
export const effect = matching(/^[0-9a-f]{64}\.[0-9a-f]{64}$/, "an effect");

/** The value, or null. */
export const orNone = (shape) => (value, where) => (value === null ? null : shape(value, where));

/** One of some texts. */
export const oneOf =
  (...words) =>
  (value, where) => {
    if (!words.includes(value)) throw misfit(where, `not one of ${words.join(", ")}`);
    return value;
  };

/** A list of `least` to `most` values. */
export const list =
  (shape, least = 0, most = MOST) =>
  (value, where) => {
    if (!Array.isArray(value) || value.length < least || value.length > most)
      throw misfit(where, "not a list of this size");
    return value.map((item, i) => shape(item, `${where}[${i}]`));
  };

/** A list of exactly two values. */
export const pair = (first, second) => (value, where) => {
  if (!Array.isArray(value) || value.length !== 2) throw misfit(where, "not a pair");
  return [first(value[0], `${where}[0]`), second(value[1], `${where}[1]`)];
};

/** A closed object; members in `optional` may be absent. */
export const record =
  (members, optional = {}) =>
  (value, where) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw misfit(where, "not an object");
    const parsed = {};
    for (const name of Object.keys(members)) {
      if (!Object.hasOwn(value, name)) throw misfit(where, `without ${name}`);
    }
    for (const [name, member] of Object.entries(value)) {
      const shape = Object.hasOwn(members, name)
        ? members[name]
        : Object.hasOwn(optional, name)
          ? optional[name]
          : null;
      if (shape === null) throw misfit(where, "a member too many");
      parsed[name] = shape(member, `${where}.${name}`);
    }
    return parsed;
  };

const kind = (name) => oneOf(name);
const headers = list(pair(text, text));

const OBJECTS = {
  blob: record({ kind: kind("blob"), headers, data: bytes }),
  tree: record({ kind: kind("tree"), entries: list(pair(text, id)) }),
  message: record({ kind: kind("message"), previous: orNone(id), headers, content: id }),
  mailbox: record({ kind: kind("mailbox"), entries: list(pair(id, id)) }),
  step: record({
    kind: kind("step"),
    previous: orNone(id),
    actor: id,
    inbox: orNone(id),
    outbox: orNone(id),
    core: id,
  }),
};

/** An object of grit, as in object.schema.json. */
export const gritObject = (value, where) => {
  const named = typeof value === "object" && value !== null ? value.kind : undefined;
  if (typeof named !== "string" || !Object.hasOwn(OBJECTS, named)) throw misfit(where, "not an object of a known kind");
  return OBJECTS[named](value, where);
};

/** An object of grit as JSON. */
export const spellObject = (object) =>
  object.kind === "blob" ? { ...object, data: object.data.toString("base64url") } : object;
