// Guests on the engine of Node.js: instances of metered modules. This is the whole interface between what runs modules
// (binary, validate, admission, meter, engine) and what serves them (ABI, documents, images, transition):
//
//   admission.js  admit(bytes, entry, pages) -> Module, or throws Unadmitted with a code: module, limit, import, export
//   module.js     Module: {bytes, pages, memory: {minimum, maximum} | null, mutables: [{index, type}], hasInitialize, waits}
//   engine.js     Modules (a cache), Instance
//   ends.js       Trap, OutOfFuel, EngineEnd
//
// All of it is synchronous and touches neither store nor wire, so that it can run in a thread of its own, with its host
// half: threads other than the first have a native stack of a size that we choose, and can be ended from outside when
// the time of a transition is over. So a host half should need nothing but read(id), ask(...) and its arguments.

import { EngineEnd, OutOfFuel, Trap } from "./ends.js";

/** Modules by id, admitted, metered and compiled once; bounded by the bytes of their metered forms. */
export class Modules {
  /** The module with this id, admitted for an entry and a number of pages. Throws Unadmitted. `load()` gives its bytes. */
  admit(id, load, entry, pages) {
    throw new Error("not yet");
  }
}

/** One instance of a metered module. It is used for one call, _initialize and entry, and then dropped. */
export class Instance {
  /**
   * Instantiate; no guest code runs.
   *
   * module: from Modules.admit or admit; host(name, args, instance): serves an import of the module `grit`. args are
   * numbers as WebAssembly gives i32 (signed; take `>>> 0`), the result is a number, for `clock` and `fuel` a BigInt.
   * What host throws ends the call and comes out of `call`.
   */
  constructor(module, host) {}

  /** The memory as it is now: a Uint8Array; empty without a memory. Ask again after each call of the guest: it may grow. */
  get memory() {}

  /** Its size in pages. */
  get pages() {}

  /** Grow to `pages`, which is within the maximum; costs nothing. For restoring an image. */
  growTo(pages) {}

  /** The mutable globals in the order of their indices, as BigInt of their bits. */
  getGlobals() {}
  setGlobals(bits) {}

  /** Units left: BigInt, below 0 when a charge found too little. */
  get fuel() {}
  set fuel(units) {}

  /** Stack units in use; set to 0 before a call. */
  get depth() {}
  set depth(units) {}

  /** Charge units (BigInt or number) of a host call. Throws OutOfFuel, with F at -1. */
  charge(units) {}

  /** Call an exported function: its result, or undefined. Throws Trap, OutOfFuel, EngineEnd, or what a host call threw. */
  call(name, ...args) {}

  /** The value of an exported global, as `grit_wait_area`. */
  exported(name) {}
}

export { EngineEnd, OutOfFuel, Trap };
