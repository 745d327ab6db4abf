// Suspending a call at `wait` and resuming it: the guest unwinds its stack into its own memory and winds it up again. While
// it does, nothing else may happen, and it is paid from an allowance of its own.

import { OutOfFuel, Trap } from "./ends.js";

const ALLOWANCE = 2n ** 24n;
const UNWOUND = 1; // what asyncify_get_state says
const REWINDING = 2;

const misuse = () => new Trap("wait");

/** Do work of a guest that is winding: it spends the allowance and nothing else. */
export function winding(work) {
  try {
    return work();
  } catch (error) {
    throw error instanceof OutOfFuel ? misuse() : error;
  }
}

/** The host calls an export, from the allowance. */
function callExport(instance, name, ...args) {
  instance.fuel = ALLOWANCE;
  return winding(() => instance.call(name, ...args));
}

function demandState(instance, wanted) {
  if (callExport(instance, "asyncify_get_state") !== wanted) throw misuse();
}

/** The stack of a guest that is being unwound. Spec: wasm.wait.protocol, wasm.wait.fuel. */
export class Unwinding {
  constructor({ fuel }) {
    this.left = fuel; // is given back when the stack is unwound
  }

  start(instance) {
    callExport(instance, "asyncify_start_unwind", instance.exported("grit_wait_area"));
    instance.fuel = ALLOWANCE;
  }

  /** A host call of the guest meanwhile. */
  meet() {
    throw misuse();
  }

  /** The entry has returned. */
  finish(instance, result) {
    demandState(instance, UNWOUND);
    callExport(instance, "asyncify_stop_unwind");
    instance.fuel = this.left;
    if (result === null) throw misuse();
  }
}

/** The stack of a guest that is being wound up again. Spec: wasm.wait.resume. */
export class Rewinding {
  #isMet = false;

  constructor(budget, whenOver) {
    this.budget = budget;
    this.whenOver = whenOver;
  }

  start(instance) {
    callExport(instance, "asyncify_start_rewind", instance.exported("grit_wait_area"));
    instance.fuel = ALLOWANCE;
  }

  /** The first host call of the guest, which has to be the `wait` that it was suspended at. */
  meet(name, instance) {
    if (name !== "wait" || this.#isMet) throw misuse();
    this.#isMet = true;
    demandState(instance, REWINDING);
    callExport(instance, "asyncify_stop_rewind");
    instance.fuel = this.budget;
    this.whenOver();
    return 0;
  }

  /** The entry has returned without having been resumed. */
  finish() {
    throw misuse();
  }
}
