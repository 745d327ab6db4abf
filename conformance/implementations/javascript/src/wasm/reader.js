// Reading the primitives of the binary format. What they do not spell is malformed.

import { unadmitted } from "./unadmitted.js";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const malformed = (at, what) => unadmitted("module", `byte ${at}: ${what}`);

/** A place in the bytes of a module. Spec: wasm.module.language. */
export class Reader {
  constructor(bytes, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Throws Unadmitted for this place. */
  fail(what) {
    throw malformed(this.at, what);
  }

  byte() {
    if (this.at >= this.end) this.fail("something is missing at the end");
    return this.bytes[this.at++];
  }

  skip(count) {
    if (count > this.end - this.at) this.fail("something is missing at the end");
    this.at += count;
  }

  /** Unsigned LEB128 of at most 32 bits, in whatever length is allowed. */
  u32() {
    let byte = this.byte();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    byte = this.byte();
    if (byte > 0x0f) this.fail("a number is longer than 32 bits");
    return (value | (byte << 28)) >>> 0;
  }

  /** Signed LEB128 of at most 32 bits. */
  s32() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    const byte = this.byte();
    const spare = byte & 0xf8; // the sign, four times, and no continuation
    if (spare !== 0 && spare !== 0x78) this.fail("a number is longer than 32 bits");
    return value | (byte << 28);
  }

  /** Pass a signed LEB128 of at most 64 bits. */
  s64() {
    for (let i = 0; i < 9; i += 1) if (this.byte() < 0x80) return;
    const last = this.byte();
    if (last !== 0 && last !== 0x7f) this.fail("a number is longer than 64 bits");
  }

  /** A positive signed LEB128 of at most 33 bits: the index of a type. */
  s33() {
    let value = 0;
    let byte = 0x80;
    for (let scale = 1; scale < 2 ** 28; scale *= 128) {
      byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (byte >= 0x80) {
      byte = this.byte();
      if (byte > 0x0f) this.fail("no index of a type");
      return value + byte * 2 ** 28;
    }
    if (byte >= 0x40) this.fail("no index of a type");
    return value;
  }

  /** The place after a name of `length` bytes, and the name: {at, length, text}. */
  name() {
    const length = this.u32();
    const at = this.at;
    this.skip(length);
    try {
      return { length, text: UTF8.decode(this.bytes.subarray(at, at + length)) };
    } catch (error) {
      if (error instanceof TypeError) throw malformed(at, "a name is not UTF-8");
      throw error;
    }
  }

  /** A reader of the next `length` bytes, which are passed. */
  part(length) {
    const at = this.at;
    this.skip(length);
    return new Reader(this.bytes, at, at + length);
  }

  /** Throws Unadmitted unless all is read. */
  done() {
    if (this.at !== this.end) this.fail("bytes are left over");
  }
}
