// The transition: from the step an actor is at and what it reads to its next step.
//
// A run is {workspace, actor, last: a step (steps.js) or null, proposal (proposals.js), attempt, ask}, where
// ask(workspace, actor, name, args) answers a query of code or throws a Refusal. Transitions are generators: they yield
// {sleep: milliseconds} wherever they may wait, and their driver decides how (drive.js).

import { mayUpdateFlow } from "../flow/guest.js";
import { Refusal } from "../refusal.js";
import { keepsSession, mayUpdateSession } from "../session/guest.js";
import { mayUpdate } from "../wasm/creator.js";
import { keepsHostNodes } from "../wasm/kept.js";
import { isWasmCore } from "../wasm/nodes.js";
import { admit } from "./admission.js";
import { asFailure, failed } from "./failure.js";
import { hasCode, isFrozen, keepsFrozen } from "./frozen.js";
import { merge } from "./merging.js";
import { findCode } from "./nodes.js";
import { writeCursorStep } from "./steps.js";
import { follow } from "./paths.js";

const cursorStep = ({
  workspace,
  last,
  proposal: {
    covered: [{ sender, id }],
  },
}) => writeCursorStep(workspace, last, sender, id);

function* runCode(run, tree, name) {
  const core = run.last === null ? run.actor : run.last.core;
  const { transit } = findCode(run.workspace, core, tree, name);
  return { step: yield* transit(run), isRefused: false };
}

/**
 * Whether a merged core has no host nodes that the core before had not, and still is that of a Wasm actor if that was.
 * Spec: wasm.grant.update, wasm.grant.update-stays.
 */
const keepsRights = (workspace, before, after) =>
  !isWasmCore(workspace, before) || (keepsHostNodes(workspace.read, before, after) && isWasmCore(workspace, after));

/** The step of an update that brings no code. Spec: wit.update.merge, wit.update.refused. */
function updateByMerge(run, content) {
  const { workspace, last } = run;
  const core = merge(workspace, last.core, content);
  const { read, format } = workspace;
  const isLegal = hasCode(read, core) && keepsFrozen(read, format, last.core, core);
  const isKept = keepsRights(workspace, last.core, core) && keepsSession(workspace, last.core, core);
  if (!isLegal || !isKept) return { step: cursorStep(run), isRefused: true };
  const [{ sender, id }] = run.proposal.covered;
  return { step: writeCursorStep(workspace, { ...last, core }, sender, id), isRefused: false };
}

/** Spec: wit.update.code, wit.update.refused, wit.frozen.code. */
function* update(run) {
  const { workspace, last, proposal } = run;
  const [
    {
      sender,
      message: { content },
    },
  ] = proposal.covered;
  const isAllowed = () =>
    mayUpdate(workspace, last, sender) &&
    mayUpdateSession(workspace, last, sender, content) &&
    mayUpdateFlow(workspace, last);
  if (workspace.read(content)?.kind !== "tree" || !isAllowed()) return { step: cursorStep(run), isRefused: true };
  if (follow(workspace.read, content, ["wit_update"]) === null) return updateByMerge(run, content);
  if (isFrozen(workspace.read, last.core)) return { step: cursorStep(run), isRefused: true };
  return yield* runCode(run, content, "wit_update");
}

const BY_KIND = new Map([
  ["genesis", (run) => runCode(run, run.actor, "wit")],
  ["ordinary", (run) => runCode(run, run.last.core, "wit")],
  ["cleanup", (run) => runCode(run, run.last.core, "wit")],
  ["update", update],
  [
    "duplicate",
    function* duplicate(run) {
      return { step: cursorStep(run), isRefused: false };
    },
  ],
]);

/**
 * Make and admit the step of a run: a generator that gives {step: id, isRefused} (refused: an update that counts as read
 * only), or null if the code declines. Throws Failure; Refusal missing if something is absent that it needs.
 * Spec: wit.transition.source, wit.transition.no-stale, wit.transition.declined, wit.admit.trace.
 */
export function* transit(run) {
  try {
    const made = yield* BY_KIND.get(run.proposal.kind)(run);
    if (run.last !== null && made.step === run.last.id) return null;
    admit(run.workspace, run, made.step);
    return made;
  } catch (error) {
    if (error instanceof Refusal && error.refusalClass === "invalid") throw failed(error.message);
    throw asFailure(error);
  }
}

/** The step that answers an update which is refused because it failed too often. Spec: runtime.fail.update. */
export const refuseUpdate = (run) => ({ step: cursorStep(run), isRefused: true });
