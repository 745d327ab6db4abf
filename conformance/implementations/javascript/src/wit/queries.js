// Queries: a step is asked by the code of its core's wit_query.

import { Refusal, rejected } from "../refusal.js";
import { Failure, failed } from "./failure.js";
import { findCode } from "./nodes.js";
import { readStep } from "./steps.js";

/**
 * Ask a step: the id of a blob or tree, or null; `ms` is its time limit. Its new objects are in the workspace, and not yet stored.
 * Throws Refusal missing; rejected without a code for what is no step; Failure unresolved, failed.
 * Spec: wit.query.answers, wit.query.pure.
 */
export function askStep(workspace, id, name, args, ms = Infinity) {
  const step = stepToAsk(workspace, id);
  const { answer } = findCode(workspace, step.core, step.core, "wit_query");
  const result = answerOf(() => answer({ workspace, step, name, args, ms }));
  if (result === null) return null;
  if (!["blob", "tree"].includes(workspace.kind(result))) throw failed("the answer is no blob or tree");
  return result;
}

function stepToAsk(workspace, id) {
  try {
    return readStep(workspace.read, id);
  } catch (error) {
    if (error instanceof Refusal && error.refusalClass === "invalid") throw rejected(`${id} is no step`);
    throw error;
  }
}

function answerOf(work) {
  try {
    return work();
  } catch (error) {
    const isFailure = error instanceof Refusal && error.refusalClass !== "missing" && !(error instanceof Failure);
    if (isFailure) throw failed(error.message); // in whatever way: an answer that is too long, for one
    throw error;
  }
}
