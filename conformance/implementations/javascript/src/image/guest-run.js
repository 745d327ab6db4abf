// The call of a guest that answers a message in an operation: within what is left of its fuel, and by the laws of both profiles.

import { changedKeys } from "../maps.js";
import { Refusal } from "../refusal.js";
import { auditStep } from "../wasm/audit.js";
import { GuestCall } from "../wasm/call.js";
import { nodesAfter, putNodes } from "../wasm/host-nodes.js";
import { inputsOf } from "../wasm/transition.js";
import { admit } from "../wit/admission.js";
import { findUnread, typeOf } from "../wit/channels.js";
import { Failure, failed, timedOut } from "../wit/failure.js";
import { follow } from "../wit/paths.js";
import { readStep } from "../wit/steps.js";
import { exhausted, FrameEnd, malformed, rejected } from "./fault.js";
import { headerOf, readNumber } from "./forms.js";

const KEPT = ["image", "code", "wit", "wit_query", "wit_update", "src", "frozen"];
const MODES = ["join", "save"];
const DENIED = ["query", "wait"];

/** A call without the functions that leave the operation. Spec: image.wasm.both. */
class OperationCall extends GuestCall {
  mayUse(grant) {
    return !DENIED.includes(grant) && super.mayUse(grant);
  }

  /** The units that it has spent, however it ended. */
  get total() {
    if (this.instance === undefined) return 0n;
    if (this.winding !== null) return 0n; // it was to be resumed; winding takes nothing of its budget
    const { spent, budget } = this;
    return spent > budget ? budget : spent < 0n ? 0n : spent;
  }
}

/** The run of a transition of which the result becomes the step of an act. */
function runOf({ actor, last, x, coreBefore, workspace }) {
  const covered = [{ sender: x.sender, id: x.id, message: x.message }];
  const proposal = { kind: "ordinary", entries: new Map([[x.sender, x.id]]), covered };
  return { actor, last: { ...last, core: coreBefore }, proposal, workspace };
}

function newCall(run, workspace, tree) {
  const inputs = inputsOf(run, workspace);
  const given = {
    input: (which) => inputs[which](),
    covered: run.proposal.covered,
    queryName: null,
    ask: null, // which is denied
    attempt: 1,
  };
  return new OperationCall(workspace, { core: run.last.core, tree, entry: "wit" }, given);
}

/** Let a call run to its end. Throws what ends it, and FrameEnd. Spec: image.wasm.fuel. */
function finishCall({ operation }, call) {
  const { frame, units } = operation.rest;
  const isRest = units <= call.budget;
  if (isRest) call.budget = units;
  const end = operation.deadline;
  try {
    for (const running = call.run(); !running.next().done; )
      if (performance.now() > end) throw timedOut("the time of a transition is over");
  } catch (error) {
    const isSpent = error instanceof Failure && error.failureClass === "exhausted" && error.cause === "fuel";
    operation.charge(call.total);
    throw isRest && isSpent ? new FrameEnd(frame, exhausted("fuel")) : error;
  }
  operation.charge(call.total);
}

/** Spec: image.cap.self. */
function checkKept({ read }, before, after) {
  const isKept = KEPT.every((name) => follow(read, before, [name]) === follow(read, after, [name]));
  if (!isKept) throw rejected("location");
}

/** The mode of a message of a guest. Throws Fault. Spec: image.message.mode. */
function modeOf(message) {
  const [op, fuel] = [headerOf(message, "op"), headerOf(message, "fuel")];
  const isMode = op === null || MODES.includes(op);
  const isLimit = fuel === null || (op === "save" && readNumber(fuel) !== null);
  if (!isMode || !isLimit) throw malformed("mode");
  return op ?? "post";
}

function checkMessage(act, target, message) {
  const { content } = message;
  const type = typeOf(message);
  if (type === "reply") act.checkReply({ target, message });
  else act.checkType({ target, type, content });
  const mode = modeOf(message);
  if (type !== "reply") act.check({ target, type, mode, content });
  return mode;
}

/** Judge what a step sends, in the order in which it does. Throws Fault. */
function takeOutbox(act, { read }, outbox) {
  const { last } = act;
  for (const target of [...changedKeys(last.outbox, outbox)].sort()) {
    const [tip, before] = [outbox.get(target) ?? null, last.outbox.get(target) ?? null];
    if (tip === null) throw malformed("mode");
    const { messages, fresh } = findUnread(read, tip, before);
    if (before !== null && fresh) throw malformed("mode");
    for (const { id, message } of messages) act.note({ target, mode: checkMessage(act, target, message), id, message });
  }
}

function finish(act, run, workspace, call) {
  if (call.result === null || call.result === run.last.id) throw rejected("declined");
  const inBranch = { ...run, workspace };
  admit(workspace, inBranch, call.result);
  const step = readStep(workspace.read, call.result);
  const tanks = auditStep(inBranch, call, call.result);
  checkKept(workspace, run.last.core, step.core);
  takeOutbox(act, workspace, step.outbox);
  const core = putNodes(workspace, step.core, nodesAfter(inBranch, call, tanks));
  act.workspace.takeOver(workspace, call.result);
  act.workspace.takeOver(workspace, core);
  act.work(core);
  act.putGains();
}

/**
 * Make the step of an act by the module that a pinned core names. Throws Fault, Failure, FrameEnd.
 * Spec: image.wasm.both, image.wasm.undone.
 */
export function runGuest(act, pinned) {
  const run = runOf(act);
  const workspace = act.workspace.branch();
  let call = null;
  try {
    call = newCall(run, workspace, pinned);
    finishCall(act, call);
    finish(act, run, workspace, call);
  } catch (error) {
    const isInvalid = error instanceof Refusal && error.refusalClass === "invalid";
    throw isInvalid ? failed(error.message) : error;
  } finally {
    call?.close();
  }
}
