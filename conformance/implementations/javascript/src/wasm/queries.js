// Queries that a module answers.

import { Failure, failed, timedOut } from "../wit/failure.js";
import { GuestCall } from "./call.js";

/** What a query is refused with where a call ended without an answer. */
function asRefusal(error) {
  if (!(error instanceof Failure) || error.failureClass === "unresolved") return error;
  const cause = error.failureClass === "timeout" ? "timeout" : error.cause;
  return failed(error.message, cause);
}

function inputsOf({ step, args }, workspace) {
  const { inbox, outbox } = workspace.read(step.id);
  return [
    () => step.actor,
    () => step.id,
    () => step.core,
    () => inbox,
    () => outbox,
    () => null,
    () => workspace.writeBlob(args),
    () => step.id,
  ];
}

/**
 * Answer a query {workspace, step, name, args, ms: the time there is} by the module that wit_query of the step's core names:
 * an id, or null. Throws Failure, Refusal missing. Spec: wasm.call.query.
 */
export function answerByModule(query) {
  const workspace = query.workspace.branch();
  const inputs = inputsOf(query, workspace);
  const { core } = query.step;
  const given = {
    input: (which) => inputs[which](),
    covered: [],
    queryName: Buffer.from(query.name, "utf8"),
    attempt: 1,
  };
  let call = null;
  try {
    call = new GuestCall(workspace, { core, tree: core, entry: "wit_query" }, given);
    toItsEnd(call.run(), query.ms);
    return answerOf(call, query.workspace, workspace);
  } catch (error) {
    throw asRefusal(error);
  } finally {
    call?.close();
  }
}

/** Wait for a generator, for some milliseconds, without letting others have their turn. */
function toItsEnd(running, ms) {
  const end = performance.now() + ms;
  while (!running.next().done) if (performance.now() > end) throw timedOut("the time of the asking actor is over");
}

function answerOf({ result }, below, workspace) {
  if (result === null) return null;
  const object = workspace.find(result);
  if (object === undefined || !["blob", "tree"].includes(object?.kind ?? "blob"))
    throw failed("the answer is no blob or tree");
  below.takeOver(workspace, result);
  return result;
}
