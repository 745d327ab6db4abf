// Where the pieces of an import wait for the last one. A spool is a source of bytes (bundle.js): size and read().

import fs from "node:fs";
import { readUpTo, withRoom, writeAll } from "./files.js";

/** Pieces in memory, for stores that live there. */
export class MemorySpool {
  #pieces = [];
  size = 0;

  append(bytes) {
    this.#pieces.push({ start: this.size, bytes });
    this.size += bytes.length;
  }

  /** Up to `size` bytes from a position. */
  read(position, size) {
    const parts = [];
    for (let i = this.#pieceAt(position); i < this.#pieces.length && size > 0; i += 1) {
      const { start, bytes } = this.#pieces[i];
      const part = bytes.subarray(position - start, position - start + size);
      parts.push(part);
      position += part.length;
      size -= part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  close() {
    this.#pieces = [];
  }

  #pieceAt(position) {
    let low = 0;
    let high = this.#pieces.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#pieces[middle].start <= position) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** Pieces in a file without a name, so that no file of the directory ever contains them. Spec: grit.erase.gone. */
export class FileSpool {
  #fd;
  size = 0;

  constructor(path) {
    this.#fd = withRoom(() => fs.openSync(path, "w+"));
    fs.unlinkSync(path);
  }

  append(bytes) {
    withRoom(() => writeAll(this.#fd, [bytes], this.size, (call) => call())); // no start will ever see it
    this.size += bytes.length;
  }

  /** Up to `size` bytes from a position. */
  read(position, size) {
    return readUpTo(this.#fd, position, Math.max(0, Math.min(size, this.size - position)));
  }

  close() {
    fs.closeSync(this.#fd);
  }
}
