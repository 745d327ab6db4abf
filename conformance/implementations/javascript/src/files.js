// Files: complete writes, complete reads, and the system errors that mean that the medium is full.

import fs from "node:fs";
import { durableWrite } from "./faults.js";
import { exhausted } from "./refusal.js";

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Run `work`; a medium without room becomes a Refusal exhausted. Spec: grit.store.full. */
export function withRoom(work) {
  try {
    return work();
  } catch (error) {
    if (FULL.has(error.code)) throw exhausted("the medium is full");
    throw error;
  }
}

/** Write all of the buffers at a position. `write` carries each call out: as a durable write, unless it is given. */
export function writeAll(fd, buffers, position, write = durableWrite) {
  for (const bytes of buffers) {
    for (let done = 0; done < bytes.length; ) {
      done += write(() => fs.writeSync(fd, bytes, done, bytes.length - done, position + done));
    }
    position += bytes.length;
  }
}

/** Read up to `size` bytes from a position: fewer only where the file ends. */
export function readUpTo(fd, position, size) {
  const bytes = Buffer.allocUnsafe(size);
  let done = 0;
  while (done < size) {
    const got = fs.readSync(fd, bytes, done, size - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}

/** Make the entries of a folder durable. */
export function syncFolder(folder) {
  const fd = fs.openSync(folder, "r");
  try {
    durableWrite(() => fs.fsyncSync(fd));
  } finally {
    fs.closeSync(fd);
  }
}
