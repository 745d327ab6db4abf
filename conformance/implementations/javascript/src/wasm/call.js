// One call of a guest: an instance, its host calls, and how it ends.

import { Failure, failed, timedOut } from "../wit/failure.js";
import { Abi } from "./abi.js";
import { EngineEnd, OutOfFuel, Trap } from "./ends.js";
import { Guest } from "./guests.js";
import { restore } from "./image.js";
import { prepare } from "./prepare.js";
import { Rewinding, Unwinding, winding } from "./winding.js";

const outOfFuel = () => new Failure("exhausted", "the budget is spent", "fuel");

/** The failure of a call of a guest, from the exception that ended it. Spec: wasm.outcome.code. */
function asOutcome(error) {
  if (error instanceof Trap) return failed(error.message, `trap:${error.trap}`);
  if (error instanceof OutOfFuel) return outOfFuel();
  if (error instanceof EngineEnd) return timedOut(error.message);
  return error;
}

/** Spec: wasm.fuel.tank. */
function budgetOf({ fuel, tank }, { used }) {
  if (tank === undefined) return fuel;
  const left = used > tank ? 0n : tank - used;
  return left < fuel ? left : fuel;
}

/** A call in progress, as the functions of the ABI see it, and its result. */
export class GuestCall {
  scope = new Set(); // ids that the guest may pass
  result = null; // the id that it answered with
  winding = null; // while its stack is unwound or wound up
  isSuspended = false; // at its end
  #isInitializing = false;

  /**
   * `workspace` sees what the guest may read, and gets what it makes; `core` is B; `tree` holds the node; `given` is {input,
   * covered, queryName, ask, attempt}. Throws Failure for a defect that is found before guest code runs.
   */
  constructor(workspace, { core, tree, entry }, given) {
    Object.assign(this, given, prepare(workspace, { core, tree, entry }));
    this.workspace = workspace;
    this.format = workspace.format;
    this.entry = entry;
    this.random = this.state.random;
    this.clock = this.state.clock;
    this.budget = budgetOf(this.manifest, this.state);
  }

  /** Whether a function that needs a grant may be called. Spec: wasm.manifest.deny, wasm.wait.denied. */
  mayUse(grant) {
    const { manifest, entry } = this;
    if (grant === "wait") return manifest.image !== undefined && entry === "wit" && !this.#isInitializing;
    return manifest[grant] !== undefined && (grant !== "query" || entry !== "wit_query");
  }

  /** The units that it has spent. */
  get spent() {
    return this.budget - this.instance.fuel;
  }

  /** Run it to its end: a generator that waits now and then (transition.js). Throws Failure, Refusal missing. */
  *run() {
    try {
      yield* this.#run();
    } catch (error) {
      throw asOutcome(error);
    }
  }

  /** The instance is no longer used; end the code that still runs. */
  close() {
    this.instance?.close();
  }

  *#run() {
    this.instance = new Guest(this.module, new Abi(this).serve);
    this.instance.fuel = this.budget;
    this.instance.depth = 0;
    if (this.image !== null) restore(this.instance, this.image);
    else yield* this.#initialize();
    if (this.isResumed) this.#rewind();
    const status = (yield* this.#enter()) >>> 0;
    if (this.winding !== null) this.#finishWinding();
    else if (status !== 0) throw failed(`the entry returned ${status}`, `guest:${status}`);
  }

  *#initialize() {
    if (!this.module.hasInitialize) return;
    this.#isInitializing = true;
    yield* this.instance.calling("_initialize");
    this.#isInitializing = false;
  }

  *#enter() {
    try {
      return yield* this.instance.calling(this.entry);
    } catch (error) {
      if (this.winding === null) throw error;
      return winding(() => {
        throw error;
      });
    }
  }

  /** Serve `wait`. */
  suspend(instance) {
    this.winding = new Unwinding(instance);
    this.winding.start(instance);
    return 0;
  }

  #rewind() {
    this.winding = new Rewinding(this.budget, () => {
      this.winding = null;
    });
    this.winding.start(this.instance);
  }

  #finishWinding() {
    this.winding.finish(this.instance, this.result);
    this.winding = null;
    this.isSuspended = true;
  }
}
