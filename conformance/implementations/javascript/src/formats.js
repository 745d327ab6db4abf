// The two object formats behind one interface, with the limit on objects.

import { createHash } from "node:crypto";
import { Blake3 } from "./blake3.js";
import { decodeCbor, encodeCbor } from "./cbor.js";
import { decodeFramed, encodeFramed } from "./framed.js";
import { ASCII, UTF8 } from "./grammar.js";
import { LIMITS } from "./limits.js";
import { exhausted } from "./refusal.js";

const sha256 = { start: () => createHash("sha256"), finish: (running) => running.digest("hex") };

const blake3 = { start: () => new Blake3(), finish: (running) => running.digest().toString("hex") };

const format = (name, hash, decode, encode, grammar) => Object.freeze({ name, hash, decode, encode, grammar });

/** name -> {name, hash, decode, encode, grammar}. */
export const FORMATS = new Map(
  [
    format("framed-sha256", sha256, decodeFramed, encodeFramed, ASCII),
    format("cbor-blake3", blake3, decodeCbor, encodeCbor, UTF8),
  ].map((each) => [each.name, each]),
);

function checkSize(bytes) {
  if (bytes.length > LIMITS.object_bytes) {
    throw exhausted(`${bytes.length} bytes, object_bytes is ${LIMITS.object_bytes}`);
  }
}

/** A running hash: update(bytes), then once digest() as the text form of an id. */
export function startHash({ hash }) {
  const running = hash.start();
  return { update: (bytes) => running.update(bytes), digest: () => hash.finish(running) };
}

/** The id of any bytes. Throws Refusal exhausted. Spec: grit.id.whole. */
export function hashBytes(ofFormat, bytes) {
  checkSize(bytes);
  return ofFormat.hash.finish(ofFormat.hash.start().update(bytes));
}

/** Decode: {object, id}. Throws Refusal exhausted (before all else), malformed, invalid. Spec: grit.object.total. */
export function decodeObject(ofFormat, bytes) {
  checkSize(bytes);
  const object = ofFormat.decode(bytes);
  return { object, id: hashBytes(ofFormat, bytes) };
}

/** Encode: {bytes, id}. Throws Refusal invalid, exhausted. Spec: grit.object.round-trip. */
export function encodeObject(ofFormat, object) {
  const bytes = ofFormat.encode(object);
  return { bytes, id: hashBytes(ofFormat, bytes) };
}
