// Detached signatures of bundles: Ed25519 over the format and the references, which bind everything else.

import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { bufferSource, formatNameOf, readBundle } from "../bundle.js";
import { FORMATS } from "../formats.js";
import { rejected } from "../refusal.js";
import { spellCanonical } from "../wit/canonical.js";

const FORM = /^\{"alg":"Ed25519","key":"([0-9a-f]{64})","sig":"([0-9a-f]{128})","v":1\}$/;
const SECRET_HEAD = Buffer.from("302e020100300506032b657004220420", "hex"); // PKCS #8
const KEY_HEAD = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo
const KEY_BYTES = 32;

const secretKey = (secret) =>
  createPrivateKey({ key: Buffer.concat([SECRET_HEAD, secret]), format: "der", type: "pkcs8" });

const publicKey = (raw) => createPublicKey({ key: Buffer.concat([KEY_HEAD, raw]), format: "der", type: "spki" });

const rawKey = (secret) => createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);

/** The text that is signed for a bundle, after its verification. Throws Refusal malformed, invalid, rejected, exhausted. */
function signedText(bundle) {
  const source = bufferSource(bundle);
  const format = FORMATS.get(formatNameOf(source));
  if (format === undefined) throw rejected("a bundle of an unknown format", "format");
  const { refs } = readBundle(format, source);
  const lines = ["gritstone signature 1", `format ${format.name}`, ...refs.map(([name, id]) => `ref ${name} ${id}`)];
  return Buffer.from(lines.map((line) => `${line}\n`).join(""), "utf8");
}

/** Sign a bundle with a secret of 32 bytes: the bytes of the signature. Spec: wasm.sign.covers. */
export function signBundle(bundle, secret) {
  const text = signedText(bundle);
  const key = secretKey(secret);
  const sig = sign(null, text, key).toString("hex");
  return Buffer.from(spellCanonical({ alg: "Ed25519", key: rawKey(key).toString("hex"), sig, v: 1 }));
}

function holds(text, [, key, sig]) {
  return verify(null, text, publicKey(Buffer.from(key, "hex")), Buffer.from(sig, "hex"));
}

/** Check a signature of a bundle against trusted keys. Throws Refusal; rejected, signature. Spec: wasm.sign.trust. */
export function verifyBundle(bundle, signature, keys) {
  const text = signedText(bundle);
  const parts = FORM.exec(signature.toString("latin1"));
  const isGood = parts !== null && keys.includes(parts[1]) && holds(text, parts);
  if (!isGood) throw rejected("the signature does not hold", "signature");
}
