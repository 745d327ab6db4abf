// Failures within an operation: of a step, and of a whole frame.

import { Failure } from "../wit/failure.js";
import { Refusal } from "../refusal.js";

/** A failure of a step: its class and code as in a record. Spec: image.op.default. */
export class Fault extends Error {
  constructor(faultClass, code) {
    super(`${faultClass}/${code}`);
    this.name = "Fault";
    this.faultClass = faultClass;
    this.code = code;
  }
}

export const malformed = (code) => new Fault("malformed", code);
export const missing = (code) => new Fault("missing", code);
export const rejected = (code) => new Fault("rejected", code);
export const exhausted = (code) => new Fault("exhausted", code);

/** An op of a program fails without a code of its own. */
export const failed = () => rejected("failed");

/** A frame fails because of what was spent or counted in it, whatever runs within it. */
export class FrameEnd extends Error {
  constructor(frame, fault) {
    super(fault.message);
    this.frame = frame;
    this.fault = fault;
  }
}

/** An error of a step as its failure: a declared limit is one too. Throws other errors again. */
export function asFault(error) {
  if (error instanceof Fault) return error;
  if (error instanceof Failure) return new Fault(error.refusalClass, error.code);
  if (error instanceof Refusal && error.refusalClass === "exhausted") return exhausted("exhausted");
  throw error;
}
