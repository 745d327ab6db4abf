import assert from "node:assert/strict";
import test from "node:test";
import { blake3 } from "@noble/hashes/blake3";
import { Blake3 } from "../src/blake3.js";

const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) >> 3));
const SIZES = [
  0, 1, 63, 64, 65, 128, 1023, 1024, 1025, 2048, 2049, 3072, 3073, 4097, 8192, 8193, 16_384, 31_745, 200_000,
];

for (const size of SIZES) {
  test(`BLAKE3 of ${size} bytes, however they are cut`, () => {
    const whole = bytes.subarray(0, size);
    const expected = Buffer.from(blake3(whole));
    for (const step of [7, 64, 1024, 1500, 200_000]) {
      const running = new Blake3();
      for (let at = 0; at < size; at += step) running.update(whole.subarray(at, at + step));
      assert.deepEqual(running.digest(), expected, `in steps of ${step}`);
    }
  });
}
