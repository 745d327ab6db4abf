// Modules that were admitted, kept by id: checked, metered and compiled once.

import { examine } from "./admission.js";
import { Unadmitted } from "./unadmitted.js";

const MOST_BYTES = 67_108_864; // of what modules become in the engine, by a guess
const BYTES_PER_BYTE = 8;
const BYTES_OF_REFUSAL = 256;

/** A cache of modules and refusals that forgets what was not used for longest. */
export class Modules {
  #kept = new Map(); // `id pages` -> Module or Unadmitted, least recently used first
  #bytes = 0;

  constructor(mostBytes = MOST_BYTES) {
    this.mostBytes = mostBytes;
  }

  /** The module with an id, admitted for an entry and a number of pages; load() gives its bytes. Throws Unadmitted. */
  admit(id, load, entry, pages) {
    const key = `${id} ${pages}`;
    const found = this.#kept.get(key) ?? examined(load(), pages);
    this.#forget(key);
    this.#keep(key, found);
    if (found instanceof Unadmitted) throw found;
    found.demandEntry(entry);
    return found;
  }

  #keep(key, found) {
    this.#kept.set(key, found);
    this.#bytes += weightOf(found);
    while (this.#bytes > this.mostBytes && this.#kept.size > 1) this.#forget(this.#kept.keys().next().value);
  }

  #forget(key) {
    const found = this.#kept.get(key);
    if (found === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= weightOf(found);
  }
}

const weightOf = (found) => (found instanceof Unadmitted ? BYTES_OF_REFUSAL : BYTES_PER_BYTE * found.bytes.length);

function examined(bytes, pages) {
  try {
    return examine(bytes, pages);
  } catch (error) {
    if (error instanceof Unadmitted) return error;
    throw error;
  }
}
