// The creator of a Wasm actor, and the senders that may update it.

import { follow } from "../wit/paths.js";
import { readStep } from "../wit/steps.js";
import { isWasmCore } from "./nodes.js";
import { manifestOf } from "./prepare.js";

function firstStep(read, id) {
  let step = readStep(read, id);
  while (step.previous !== null) step = readStep(read, step.previous);
  return step;
}

/** The creator of a Wasm actor at a step, or null where its history is cut. Spec: wasm.grant.creator. */
export function findCreator({ read }, last) {
  const named = follow(read, last.core, ["wasm", "creator"]);
  if (named !== null) return named;
  const { inbox, actor } = firstStep(read, last.id);
  if (inbox.size !== 1) return null;
  const [[sender, id]] = inbox;
  const message = read(id);
  return message.previous === null && message.content === actor ? sender : null; // else it read a cleanup
}

/** Whether a sender may update the actor of a step, as far as this profile decides. Spec: wasm.grant.update. */
export function mayUpdate(workspace, last, sender) {
  if (!isWasmCore(workspace, last.core) || manifestOf(workspace, last.core)?.update === "any") return true;
  return findCreator(workspace, last) === sender;
}
