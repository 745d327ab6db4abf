// The step that answers a message: which of its conditions hold, and what makes it.

import { typeOf } from "../wit/channels.js";
import { execute } from "./ops.js";
import { idAt, textAt } from "./cores.js";
import { missing, rejected } from "./fault.js";
import { headerOf, isEventType, readEntry, readKernelType } from "./forms.js";
import { runGuest } from "./guest-run.js";
import { isGuestCore } from "./guests.js";
import { answerKernel } from "./kernel.js";
import { readProgramTree } from "./program.js";
import { checkFirstCore } from "./valid.js";

const READ_ONLY = ["failed", "reply"];

/** Spec: image.op.expect. */
function checkExpect({ last, x }) {
  const expected = headerOf(x.message, "expect");
  if (expected !== null && expected !== last?.core) throw rejected("stale");
}

/** Spec: image.entry.declared, image.entry.current. */
function checkEntry({ workspace, agent, actor, last, x }, type) {
  const isFree = x.sender === agent || x.sender === actor || type === "genesis" || READ_ONLY.includes(type);
  if (isFree || isEventType(type) || readKernelType(type) !== null) return;
  const admitted = readEntry(textAt(workspace.read, last.core, ["image", "entry", type]));
  if (admitted !== "*" && !admitted?.includes(x.sender)) throw rejected("entry");
}

function begin(act) {
  const { workspace, copy, operation } = act;
  checkFirstCore(workspace, act.actor, (actor) => {
    const head = copy.head(actor);
    return head !== undefined && operation.ledger.ownerOf(workspace, head) === actor;
  });
}

/** The object of the program that a message runs, or undefined for none. Spec: image.program.handler. */
function findProgram({ workspace, operation, actor, x }, type) {
  const { read } = workspace;
  if (type === "run") return read(x.message.content);
  const handler = idAt(read, operation.pinnedCore(actor), ["code", type]);
  return handler === null ? undefined : read(handler);
}

function runProgram(act, type) {
  const program = findProgram(act, type);
  if (program === undefined && READ_ONLY.includes(type)) return;
  if (program === undefined) throw missing("handler");
  const read = readProgramTree(act.workspace, program);
  act.work(act.coreBefore);
  execute(act, read);
}

function answerByCode(act, type) {
  const pinned = act.operation.pinnedCore(act.actor);
  if (isGuestCore(act.workspace, pinned)) runGuest(act, pinned);
  else runProgram(act, type);
}

/** Make the step that answers the message of an act. Throws Fault, FrameEnd. Spec: image.op.step. */
export function answerMessage(act) {
  const type = typeOf(act.x.message);
  checkExpect(act);
  checkEntry(act, type);
  const kernel = readKernelType(type);
  if (type === "genesis") {
    if (act.last === undefined) begin(act);
  } else if (kernel !== null) answerKernel(act, kernel);
  else answerByCode(act, type);
}
