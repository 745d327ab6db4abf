// Writing the primitives of the binary format, each in its shortest form.

/** Bytes that grow. */
export class Writer {
  #bytes;
  #length = 0;

  constructor(room = 1024) {
    this.#bytes = new Uint8Array(room);
  }

  get length() {
    return this.#length;
  }

  /** What is written: a view that the next write may change. */
  get written() {
    return this.#bytes.subarray(0, this.#length);
  }

  clear() {
    this.#length = 0;
  }

  byte(byte) {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Append bytes: an array or a view. */
  put(bytes) {
    const { length } = bytes;
    if (this.#length + length > this.#bytes.length) this.#grow(length);
    if (length > 64) this.#bytes.set(bytes, this.#length);
    else for (let i = 0, at = this.#length; i < length; i += 1, at += 1) this.#bytes[at] = bytes[i];
    this.#length += length;
  }

  /** Append bytes of a module from one place to another. */
  copy(bytes, from, to) {
    if (this.#length + to - from > this.#bytes.length) this.#grow(to - from);
    if (to - from > 32) this.#bytes.set(bytes.subarray(from, to), this.#length);
    else for (let i = from, at = this.#length; i < to; i += 1, at += 1) this.#bytes[at] = bytes[i];
    this.#length += to - from;
  }

  uleb(value) {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    this.byte(rest);
  }

  /** Signed LEB128 of a number that is not negative. */
  sleb(value) {
    let rest = value;
    for (; rest >= 0x40; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    this.byte(rest);
  }

  #grow(more) {
    const wider = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    wider.set(this.written);
    this.#bytes = wider;
  }
}
