// How the code of a guest ends, other than by returning. Endings that a host call throws by itself pass through an
// instance as they are: fail, a denied grant, trouble of the host.

/** The guest trapped. `trap` is the second part of a code: unreachable, memory-bounds, ... Spec: wasm.outcome.merged. */
export class Trap extends Error {
  constructor(trap) {
    super(`trap: ${trap}`);
    this.name = "Trap";
    this.trap = trap;
  }
}

/** A charge found too little; F is below 0. Spec: wasm.fuel.exact. */
export class OutOfFuel extends Error {
  constructor() {
    super("out of fuel");
    this.name = "OutOfFuel";
  }
}

/** The engine ended the guest for a reason of its own: a limit that the rules do not define, which is answered as a timeout. */
export class EngineEnd extends Error {
  constructor(message) {
    super(message);
    this.name = "EngineEnd";
  }
}
