// Replay: every step of a flow is computed again from the step before and the messages that it covers.

import { changedKeys } from "../maps.js";
import { Refusal, invalid, missing } from "../refusal.js";
import { readMessage, typeOf } from "../wit/channels.js";
import { drive } from "../wit/drive.js";
import { readProposal } from "../wit/proposals.js";
import { readStep } from "../wit/steps.js";
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

/** Whether a step is the result of the transition. What the transition makes is not kept. */
async function isResult(store, actor, before, step) {
  const workspace = new Workspace(store);
  try {
    const proposal = proposalOf(workspace.read, actor, before, step);
    const last = before === NONE ? null : before;
    const made = await drive(transit({ workspace, actor, last, proposal, attempt: 1 }), 0);
    return made?.step === step.id;
  } catch (error) {
    if (error instanceof ErasedDocument) throw missing(error.message, "erased");
    if (error instanceof Refusal && error.refusalClass !== "missing") return false;
    throw error;
  }
}

const isCut = ({ read }, { inbox }) => [...inbox.values()].some((id) => typeOf(readMessage(read, id)) === "cleanup");

/** Whether a cut history has the fixed entries of the first core. */
function keepsFixed({ read }, { actor, core }) {
  const [first, now] = [actor, core].map((id) => new Map(read(id)?.entries));
  const isSame = (name) => first.get(name) === now.get(name);
  return FIXED.every(isSame) && (!first.has("starter") || isSame("starter"));
}

/** The step of a flow. Throws Refusal missing, invalid. Spec: flow.replay.refused. */
function readFlow(workspace, id) {
  if (workspace.read(id) === null) throw missing(`${id} has been erased`, "erased");
  const step = readStep(workspace.read, id);
  if (!hasFlowCode(workspace, step.actor)) throw invalid("the actor is no flow");
  return step;
}

/**
 * Compute the steps up to a step again: {steps, differs}, the number of the first step that is not the result of the
 * transition, or null. Throws Refusal missing, invalid. Spec: flow.replay.identical, flow.replay.first-divergence.
 */
export async function replay(store, id) {
  const workspace = new Workspace(store);
  const step = readFlow(workspace, id);
  const chain = chainOf(workspace, step);
  let before = NONE;
  for (const [number, each] of chain.entries()) {
    const isTaken = before === NONE && each.actor === step.actor && isCut(workspace, each);
    const isSame = isTaken ? keepsFixed(workspace, each) : await isResult(store, step.actor, before, each);
    if (!isSame) return { steps: chain.length, differs: number };
    before = each;
  }
  return { steps: chain.length, differs: null };
}
