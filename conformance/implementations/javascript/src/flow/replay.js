// Replay: every step of a flow is computed again from the step before and the messages that it covers.

import { changedKeys } from "../maps.js";
import { Refusal, invalid, missing } from "../refusal.js";
import { readMessage, typeOf } from "../wit/channels.js";
import { drive } from "../wit/drive.js";
import { readProposal } from "../wit/proposals.js";
import { readStep, readStepObject } from "../wit/steps.js";
import { transit } from "../wit/transition.js";
import { Workspace } from "../wit/workspace.js";
import { chainOf } from "./answers.js";
import { ErasedDocument, hasFlowCode } from "./documents.js";

const FIXED = ["wit", "wit_query", "name", "program", "input", "policy", "from", "carry", "prior"];
const NONE = { id: null, inbox: new Map() };

/** The proposal that a step covers. Throws Refusal invalid if there is none. */
function proposalOf(read, actor, before, step) {
  const changed = [...changedKeys(before.inbox, step.inbox)];
  if (changed.some((sender) => !step.inbox.has(sender))) throw invalid("an entry of the inbox was removed");
  const last = before === NONE ? null : before;
  return readProposal(
    read,
    actor,
    last,
    changed.map((sender) => [sender, step.inbox.get(sender)]),
  );
}

/** The id of the result of the transition for the messages that a step covers. What the transition makes is not kept. */
async function resultFor(store, before, step) {
  const workspace = new Workspace(store);
  const proposal = proposalOf(workspace.read, step.actor, before, step);
  const last = before === NONE ? null : before;
  const made = await drive(transit({ workspace, actor: step.actor, last, proposal, attempt: 1 }), 0);
  return made?.step;
}

const isCut = ({ read }, { inbox }) => [...inbox.values()].some((id) => typeOf(readMessage(read, id)) === "cleanup");

/** Whether a cut history has the fixed entries of the first core. */
function keepsFixed({ read }, { actor, core }) {
  const [first, now] = [actor, core].map((id) => new Map(read(id)?.entries));
  const isSame = (name) => first.get(name) === now.get(name);
  return FIXED.every(isSame) && (!first.has("starter") || isSame("starter"));
}

/** The step of an id if it is right: the result of the transition, or the root of a cut history; else null. */
async function rightStep(store, workspace, actor, before, id) {
  try {
    const step = readStep(workspace.read, id);
    if (step.actor !== actor) return null;
    const isRoot = before === NONE && isCut(workspace, step);
    const isRight = isRoot ? keepsFixed(workspace, step) : (await resultFor(store, before, step)) === id;
    return isRight ? step : null;
  } catch (error) {
    if (error instanceof ErasedDocument) throw missing(error.message, "erased");
    if (error instanceof Refusal && error.refusalClass !== "missing") return null;
    throw error;
  }
}

/** The actor of a step of a flow. Throws Refusal missing, invalid. Spec: flow.replay.refused. */
function actorOf(workspace, id) {
  if (workspace.read(id) === null) throw missing(`${id} has been erased`, "erased");
  const { actor } = readStepObject(workspace.read, id);
  if (!hasFlowCode(workspace, actor)) throw invalid("the actor is no flow");
  return actor;
}

/**
 * Compute the steps up to a step again: {steps, differs}, the number of the first step that is not the result of the
 * transition, or null. Throws Refusal missing, invalid. Spec: flow.replay.identical, flow.replay.first-divergence.
 */
export async function replay(store, id) {
  const workspace = new Workspace(store);
  const actor = actorOf(workspace, id);
  const chain = chainOf(workspace, id);
  let before = NONE;
  for (const [number, each] of chain.entries()) {
    before = await rightStep(store, workspace, actor, before, each);
    if (before === null) return { steps: chain.length, differs: number };
  }
  return { steps: chain.length, differs: null };
}
