// Programs of the puppet: how their bytes are read. Whatever does not fit fails the transition.

import { textOf } from "../grammar.js";
import { Refusal } from "../refusal.js";
import { failed } from "./failure.js";
import { readPath } from "./paths.js";

/** Reads a program from front to back. Spec: wit.puppet.total. */
export class ProgramReader {
  #bytes;
  #at = 0;

  constructor(format, bytes) {
    this.format = format;
    this.#bytes = bytes;
  }

  get isAtEnd() {
    return this.#at === this.#bytes.length;
  }

  #take(size) {
    const end = this.#at + size;
    if (end > this.#bytes.length) throw failed("an operand goes beyond the end of the program");
    this.#at = end;
    return this.#bytes.subarray(end - size, end);
  }

  u8() {
    return this.#take(1)[0];
  }

  u16() {
    return this.#take(2).readUInt16BE();
  }

  u32() {
    return this.#take(4).readUInt32BE();
  }

  data() {
    return this.#take(this.u16());
  }

  /** The bytes of a path or a text. */
  sized() {
    return this.#take(this.u8());
  }

  path() {
    const names = readPath(this.format, this.sized());
    if (names === null) throw failed("a path is not of its form");
    return names;
  }

  text() {
    const bytes = this.sized();
    try {
      return textOf(this.format.grammar.value, bytes);
    } catch (error) {
      if (error instanceof Refusal) throw failed(`a text is not of its form: ${error.message}`);
      throw error;
    }
  }
}
