// The transition of a node of the form wasm:<path>, from the proposal to the step with its host nodes.

import { admit } from "../wit/admission.js";
import { failed } from "../wit/failure.js";
import { follow } from "../wit/paths.js";
import { writeMailbox, writeStep } from "../wit/steps.js";
import { auditStep } from "./audit.js";
import { GuestCall } from "./call.js";
import { nodesAfter, putNodes } from "./host-nodes.js";

const coreOf = ({ actor, last }) => (last === null ? actor : last.core); // the content of a genesis message is the actor

/** The first step of a fork. Spec: wasm.fork.no-run. */
function firstStepOfFork(run) {
  const { workspace, actor, proposal } = run;
  return writeStep(workspace, { previous: null, actor, inbox: proposal.entries, outbox: new Map(), core: actor });
}

/** The inputs of a transition, as functions. */
export function inputsOf({ actor, last, proposal }, workspace) {
  const step = last === null ? null : workspace.read(last.id);
  const read = () => writeMailbox(workspace, new Map([...(last?.inbox ?? []), ...proposal.entries]));
  const isCleanup = proposal.kind === "cleanup";
  const core = coreOf({ actor, last });
  return [
    () => actor,
    () => (isCleanup ? null : (last?.id ?? null)),
    () => core,
    () => step?.inbox ?? null,
    () => step?.outbox ?? null,
    read,
    () => null,
    () => last?.id ?? null,
  ];
}

function callOf(run, workspace, tree, entry) {
  const { proposal, attempt, ask } = run;
  const inputs = inputsOf(run, workspace);
  return new GuestCall(
    workspace,
    { core: coreOf(run), tree, entry },
    {
      input: (which) => inputs[which](),
      covered: proposal.covered,
      queryName: null,
      ask: (...asked) => ask(run.workspace, ...asked), // the answer is made below, when it is needed
      attempt,
    },
  );
}

/** The step with the host nodes in its core, admitted. Spec: wasm.call.result. */
function finish(run, workspace, call) {
  const admitted = { ...run, workspace };
  admit(workspace, admitted, call.result);
  const step = workspace.read(call.result);
  const tanks = auditStep(admitted, call, call.result);
  const core = putNodes(workspace, step.core, nodesAfter(admitted, call, tanks));
  if (core === step.core) return call.result;
  const whole = workspace.write({ ...step, core });
  admit(workspace, admitted, whole);
  return whole;
}

/**
 * Make the step of a run by the module that the node `entry` of `tree` names: the id of an admitted step, or that of `last`
 * if it declines. A generator that waits while the guest runs. Throws Failure, Refusal missing.
 * Spec: wasm.call.order, wasm.call.atomic.
 */
export function* transitByModule(run, tree, entry) {
  const { last } = run;
  if (last === null && follow(run.workspace.read, tree, ["wasm", "fork"]) !== null) return firstStepOfFork(run);
  const workspace = run.workspace.branch();
  const call = callOf(run, workspace, tree, entry);
  try {
    yield* call.run();
    if (call.result === null && last === null) throw failed("nothing was given for a genesis message");
    if (call.result === null || call.result === last?.id) return last.id;
    const step = finish(run, workspace, call);
    run.workspace.takeOver(workspace, step);
    return step;
  } finally {
    call.close();
  }
}
