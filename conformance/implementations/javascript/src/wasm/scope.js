// Which ids a guest may pass, and to what kinds of object they have to lead.

import { ZERO_ID } from "../ids.js";
import { KIND, UNKNOWN, demand } from "./problems.js";

/**
 * Check that an id is in scope. `mayBeZero`: the zero id means none; `isLifted`: the grant raw lifts it.
 * Spec: wasm.abi.scope.
 */
export function demandKnown({ scope, manifest }, id, { mayBeZero = false, isLifted = false } = {}) {
  if (id === ZERO_ID) demand(mayBeZero, UNKNOWN);
  else demand(scope.has(id) || (isLifted && manifest.raw === true), UNKNOWN);
}

/** The object of an id, null for an erased blob, after a check that it is of one of some kinds. */
export function demandKind({ workspace }, id, ...kinds) {
  const object = workspace.read(id);
  demand(kinds.includes(object?.kind ?? "blob"), KIND);
  return object;
}

/** Check, but with the grant raw, that an id leads to one of some kinds, or is zero. */
export function demandEdge(call, id, ...kinds) {
  if (id !== ZERO_ID && call.manifest.raw !== true) demandKind(call, id, ...kinds);
}
