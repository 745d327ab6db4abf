// The puppet: code that runs the programs in the messages it reads. A function of the step before and of what it covers, but
// for the answers to its queries.

import { WorkingCore } from "./core.js";
import { typeOf } from "./channels.js";
import { failed } from "./failure.js";
import { spoil } from "./illegal.js";
import { isName } from "./paths.js";
import { ProgramReader } from "./program.js";
import { Held, OPS, appendToCore } from "./puppet-ops.js";
import { writeMailbox } from "./steps.js";

const STAMP = ["stamp"];
const STAMP_BYTE = Buffer.from([0x2e]);
const PAUSE_OPS = 2048; // ops after which others get their turn

/** The entries of a program tree, or null for anything else; `object` null is an erased blob. */
function programTree(workspace, object) {
  if (object?.kind !== "tree") return null;
  const entries = new Map(object.entries);
  const program = entries.get("program");
  return program !== undefined && workspace.kind(program) === "blob" ? entries : null;
}

/** The program tree that a message runs: a handler of the working core, or its content; null if there is none. */
function findProgram({ workspace, core, message }) {
  const type = typeOf(message);
  const mayHandle = type !== "" && isName(workspace.format, type);
  const handler = mayHandle ? programTree(workspace, core.read(["on", type])) : null;
  return handler ?? programTree(workspace, workspace.read(message.content));
}

function* runProgram(state) {
  const { workspace } = state;
  const operands = findProgram(state);
  if (operands === null) return;
  const program = workspace.read(operands.get("program"));
  if (program === null) throw failed("an erased program");
  Object.assign(state, { operands, hasWorked: false });
  const reader = new ProgramReader(workspace.format, program.data);
  for (let count = 1; !reader.isAtEnd; count += 1) {
    const op = OPS.get(reader.u8());
    if (op === undefined) throw failed("a byte that is no op");
    const pause = op.work(state, op.read(reader));
    state.hasWorked ||= !op.mayComeBeforeLeave;
    if (pause !== undefined) yield pause;
    else if (count % PAUSE_OPS === 0) yield { sleep: 0 };
  }
}

/** Run the program of one message; false if it is held. */
function* runMessage(state, { sender, id, message }) {
  Object.assign(state, { sender, id, message });
  try {
    yield* runProgram(state);
    return true;
  } catch (error) {
    if (error instanceof Held) return false;
    throw error;
  }
}

function* runCovered(state, covered, { stamps }) {
  const held = new Set();
  let count = 0;
  for (const each of covered) {
    if (held.has(each.sender)) continue;
    if (!(yield* runMessage(state, each))) {
      held.add(each.sender);
      continue;
    }
    if (stamps) appendToCore(state, [STAMP, STAMP_BYTE]);
    state.inbox.set(each.sender, each.id);
    count += 1;
  }
  return count;
}

function finish(run, state) {
  const { workspace, actor, last, proposal } = run;
  if (state.core.isEmpty) throw failed("the core has no entry");
  const { inbox, outbox, illegal } = state;
  const coreId = state.core.id();
  const isCleanup = proposal.kind === "cleanup";
  const mailbox = (entries) => writeMailbox(workspace, entries);
  const previous = last === null || isCleanup ? null : last.id;
  const step = { kind: "step", previous, actor, inbox: mailbox(inbox), outbox: mailbox(outbox), core: coreId };
  if (illegal === null) return workspace.write(step);
  const { entries } = proposal;
  const message = workspace.read(illegal.id);
  const made = { workspace, actor, last, inbox, outbox, coreId, entries, isCleanup, step, message, ...illegal };
  return spoil(illegal.kind, made);
}

/**
 * Make the step of a run (transition.js): a generator that yields {sleep: milliseconds} and gives the id, or the id of
 * `last` if it declines. Throws Failure. Spec: wit.puppet.exact, .order, .atomic, .leave.
 */
export function* puppet(run, { stamps }) {
  const { workspace, actor, last, proposal, attempt, ask } = run;
  const core = new WorkingCore(workspace, last === null ? actor : last.core);
  const inbox = new Map(last?.inbox);
  const outbox = new Map(last?.outbox);
  const state = { workspace, actor, attempt, ask, core, inbox, outbox, illegal: null };
  const count = yield* runCovered(state, proposal.covered, { stamps });
  if (count > 0) return finish(run, state);
  if (last === null) throw failed("the genesis message is held");
  return last.id;
}
