// Guests on the engine of Node.js: instances of metered modules. This is the whole interface between what runs modules
// (binary, validate, admission, meter, engine) and what serves them (ABI, documents, images, transition):
//
//   admission.js  admit(bytes, entry, pages) -> Module, or throws Unadmitted with a code: module, limit, import, export
//   module.js     Module: {bytes, pages, memory: {minimum, maximum} | null, mutables: [{index, bits}], hasInitialize, waits}
//   modules.js    Modules: a cache of them
//   engine.js     Instance: runs in a thread of its own (guest-thread.js)
//   guests.js     Guest: the same interface for the thread that serves it
//   ends.js       Trap, OutOfFuel, EngineEnd
//
// All of it is synchronous and touches neither store nor wire.

import { EngineEnd, OutOfFuel, Trap } from "./ends.js";
import { PAGE_BYTES, STACK_UNITS } from "./limits.js";

// The complete messages of the engine for traps. Spec: wasm.outcome.merged, wasm.outcome.no-text.
const TRAPS = new Map([
  ["unreachable", "unreachable"],
  ["memory access out of bounds", "memory-bounds"],
  ["data segment out of bounds", "memory-bounds"],
  ["table index is out of bounds", "table-bounds"],
  ["table access out of bounds", "table-bounds"],
  ["null function or function signature mismatch", "indirect-call"],
  ["dereferencing a null pointer", "indirect-call"],
  ["divide by zero", "divide-by-zero"],
  ["remainder by zero", "divide-by-zero"],
  ["divide result unrepresentable", "unrepresentable"],
  ["float unrepresentable in integer range", "unrepresentable"],
]);

const NO_MEMORY = new Uint8Array(0);

/** One instance of a metered module. It is used for one call, `_initialize` and entry, and then dropped. */
export class Instance {
  #exports;
  #mutables;
  #memory;
  #view = NO_MEMORY;
  #thrown = null; // by the host

  /**
   * Instantiate; no guest code runs.
   *
   * module: a Module; host(name, args, instance): serves an import of the module `grit`. args are numbers as WebAssembly
   * gives i32 (signed; take `>>> 0`), the result is a number, for `clock` and `fuel` a BigInt. An exception of host ends the
   * call and is thrown by `call`.
   */
  constructor(module, host) {
    const imports = { grit: {} };
    for (const { name } of module.imports) imports.grit[name] = (...args) => this.#serve(host, name, args);
    this.#exports = new WebAssembly.Instance(module.compiled, imports).exports;
    this.#memory = this.#exports["grit:memory"] ?? null;
    this.#mutables = module.mutables.map(({ index, bits }) => ({ global: this.#exports[`grit:g${index}`], bits }));
  }

  /** The memory as it is now: a Uint8Array; empty without a memory. Ask again after each call of the guest: it may grow. */
  get memory() {
    if (this.#memory === null) return NO_MEMORY;
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new Uint8Array(this.#memory.buffer);
    return this.#view;
  }

  /** The memory itself, for another thread to share; undefined without a memory. */
  get sharedMemory() {
    return this.#memory ?? undefined;
  }

  /** Its size in pages. */
  get pages() {
    return this.memory.length / PAGE_BYTES;
  }

  /** Grow to `pages`, which is within the maximum, without a charge. For restoring an image. */
  growTo(pages) {
    if (pages > this.pages) this.#memory.grow(pages - this.pages);
  }

  /** The mutable globals in the order of their indices, as BigInt of their bits. Spec: wasm.image.complete. */
  getGlobals() {
    return this.#mutables.map(({ global, bits }) => BigInt.asUintN(bits, BigInt(global.value)));
  }

  setGlobals(values) {
    this.#mutables.forEach(({ global, bits }, i) => {
      global.value = bits === 32 ? Number(BigInt.asIntN(32, values[i])) : BigInt.asIntN(64, values[i]);
    });
  }

  /** Units left: BigInt, below 0 when a charge found too little. */
  get fuel() {
    return this.#exports["grit:fuel"].value;
  }

  set fuel(units) {
    this.#exports["grit:fuel"].value = units;
  }

  /** Stack units in use; 0 before a call. */
  get depth() {
    return this.#exports["grit:depth"].value >>> 0;
  }

  set depth(units) {
    this.#exports["grit:depth"].value = units;
  }

  /** Charge units (BigInt or number) of a host call. Throws OutOfFuel, with F at -1. Spec: wasm.fuel.exact. */
  charge(units) {
    const left = this.fuel - BigInt(units);
    this.fuel = left < 0n ? -1n : left;
    if (left < 0n) throw new OutOfFuel();
  }

  /** Call an exported function: its result, or undefined. Throws Trap, OutOfFuel, EngineEnd, or what a host call threw. */
  call(name, ...args) {
    this.#thrown = null;
    try {
      return this.#exports[name](...args);
    } catch (error) {
      throw this.#endOf(error);
    }
  }

  /** The value of an exported global, as `grit_wait_area`. */
  exported(name) {
    return this.#exports[name].value;
  }

  #serve(host, name, args) {
    try {
      return host(name, args, this);
    } catch (error) {
      this.#thrown = error;
      throw error;
    }
  }

  /** What an error of the engine means. Spec: wasm.outcome.code, wasm.stack.first. */
  #endOf(error) {
    if (error === this.#thrown) return error;
    if (!(error instanceof WebAssembly.RuntimeError)) return new EngineEnd(String(error));
    if (this.fuel < 0n) return new OutOfFuel();
    if (this.depth > STACK_UNITS) return new Trap("stack-overflow");
    const trap = TRAPS.get(error.message);
    return trap === undefined ? new EngineEnd(error.message) : new Trap(trap);
  }
}
