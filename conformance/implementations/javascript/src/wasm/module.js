// An admitted module, for a number of pages.

import { checkExports } from "./exports.js";
import { I32 } from "./instructions.js";
import { meter } from "./meter.js";

/** What the host has to know of a module before it runs. */
export class Module {
  #metered = null;
  #compiled = null;
  #entries = new Set(); // that it was admitted for

  /** parts: as decoded (binary.js); valid: as validated (validate.js). */
  constructor(bytes, pages, parts, valid) {
    this.bytes = bytes;
    this.pages = pages;
    this.parts = parts;
    this.valid = valid;
    this.imports = parts.imports;
    this.memory = memoryOf(valid.spaces, pages);
    this.mutables = mutablesOf(valid.spaces);
    this.hasInitialize = parts.exports.some(({ name }) => name === "_initialize");
    this.waits = parts.imports.some(({ name }) => name === "wait");
  }

  /** The metered form. Spec: wasm.meter.exact. */
  get metered() {
    this.#metered ??= meter(this);
    return this.#metered;
  }

  /** What is run of it, as the engine has it. */
  get compiled() {
    this.#compiled ??= new WebAssembly.Module(meter(this, true));
    return this.#compiled;
  }

  /** Check that it has an entry. Throws Unadmitted export. Spec: wasm.module.entry. */
  demandEntry(entry) {
    if (this.#entries.has(entry)) return;
    checkExports(this.parts, this.valid, entry);
    this.#entries.add(entry);
  }
}

/** The pages that the memory begins with and can have: {minimum, maximum}; null without memory. Spec: wasm.memory.cap. */
function memoryOf({ memories: [memory] }, pages) {
  if (memory === undefined) return null;
  return { minimum: memory.minimum, maximum: Math.min(memory.maximum ?? pages, pages) };
}

/** The mutable globals by ascending index: {index, bits: 32 or 64}. */
function mutablesOf({ globals }) {
  return globals.flatMap(({ type, isMutable }, index) => (isMutable ? [{ index, bits: type === I32 ? 32 : 64 }] : []));
}
