// The stream of random bytes that follows from a key.

import { createHash } from "node:crypto";

const DOMAIN = Buffer.from("gritstone wasm random v1\0");
const FORK_DOMAIN = Buffer.from("gritstone wasm fork v1\0");
const BLOCK_BYTES = 32;

function u64be(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(number);
  return bytes;
}

const hash = (...parts) => parts.reduce((running, part) => running.update(part), createHash("sha256")).digest();

/** Bytes of the stream of a key from a position on. Spec: wasm.random.stream. */
export function readRandom(key, position, size) {
  const first = position / BigInt(BLOCK_BYTES);
  const skip = Number(position % BigInt(BLOCK_BYTES));
  const bytes = Buffer.alloc(Math.ceil((skip + size) / BLOCK_BYTES) * BLOCK_BYTES);
  for (let i = 0; i * BLOCK_BYTES < bytes.length; i += 1) {
    hash(DOMAIN, key, u64be(first + BigInt(i))).copy(bytes, i * BLOCK_BYTES);
  }
  return bytes.subarray(skip, skip + size);
}

/** The key of a fork of a number. Spec: wasm.fork.exact. */
export const forkKey = (key, number) => hash(FORK_DOMAIN, key, u64be(BigInt(number)));
