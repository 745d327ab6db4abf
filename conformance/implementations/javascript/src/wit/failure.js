// Failures of a transition: their classes, and what they are refused with.

import { Refusal } from "../refusal.js";

const REFUSED_WITH = Object.freeze({
  failed: "rejected",
  unresolved: "rejected",
  "illegal-step": "rejected",
  timeout: "exhausted",
  exhausted: "exhausted",
});

/** A transition that gives neither a step nor declines; `cause` is its own code, if it has one. Spec: wit.transition.class. */
export class Failure extends Refusal {
  constructor(failureClass, message, cause = null) {
    super(REFUSED_WITH[failureClass], message, cause === null ? failureClass : `${failureClass}:${cause}`);
    this.name = "Failure";
    this.failureClass = failureClass;
    this.cause = cause;
  }
}

export const failed = (message, cause) => new Failure("failed", message, cause);
export const unresolved = (message, cause) => new Failure("unresolved", message, cause);
export const illegal = (message) => new Failure("illegal-step", message);
export const timedOut = (message) => new Failure("timeout", message);

/** An error as a failure of the transition, if it is a limit that was met; else the error as it is. */
export function asFailure(error) {
  const isLimit = error instanceof Refusal && !(error instanceof Failure) && error.refusalClass === "exhausted";
  return isLimit ? new Failure("exhausted", error.message) : error;
}
