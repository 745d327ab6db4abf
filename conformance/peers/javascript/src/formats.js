// The two object formats behind one interface, with the limit on objects.

import { createHash } from "node:crypto";
import { blake3 } from "@noble/hashes/blake3";
import { decodeCbor, encodeCbor } from "./cbor.js";
import { decodeFramed, encodeFramed } from "./framed.js";
import { LIMITS } from "./limits.js";
import { exhausted } from "./refusal.js";

const format = (name, hasher, decode, encode) => Object.freeze({ name, hasher, decode, encode });

/** name -> {name, hasher, decode, encode}; `hasher()` has update(bytes) and digest(). */
export const FORMATS = new Map(
  [
    format("framed-sha256", () => createHash("sha256"), decodeFramed, encodeFramed),
    format("cbor-blake3", () => blake3.create({}), decodeCbor, encodeCbor),
  ].map((each) => [each.name, each]),
);

function checkSize(bytes) {
  if (bytes.length > LIMITS.object_bytes) {
    throw exhausted(`${bytes.length} bytes, object_bytes is ${LIMITS.object_bytes}`);
  }
}

/** A running hash: update(bytes), then once digest() as the text form of an id. */
export function startHash({ hasher }) {
  const running = hasher();
  return {
    update: (bytes) => running.update(bytes),
    digest: () => Buffer.from(running.digest()).toString("hex"),
  };
}

/** The id that any bytes would have. Throws Refusal exhausted. Spec: grit.id.whole. */
export function hashBytes(ofFormat, bytes) {
  checkSize(bytes);
  const running = startHash(ofFormat);
  running.update(bytes);
  return running.digest();
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
