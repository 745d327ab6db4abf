// Admission: which results of code become steps.

import { Refusal } from "../refusal.js";
import { isLegalChange } from "./channels.js";
import { Failure, illegal } from "./failure.js";
import { hasCode, keepsFrozen } from "./frozen.js";
import { readStep } from "./steps.js";

function checkIdentity(step, { actor, last, proposal }) {
  if (step.actor !== actor) throw illegal("the actor is another one");
  const cuts = proposal.kind === "genesis" || proposal.kind === "cleanup";
  if (step.previous !== (cuts ? null : last.id)) throw illegal("the previous is another one");
}

function checkInbox(step, { last, proposal }) {
  const before = last?.inbox ?? new Map();
  for (const sender of before.keys()) if (!step.inbox.has(sender)) throw illegal("a sender is not in the inbox any more");
  const covered = new Set(proposal.covered.map(({ sender, id }) => `${sender} ${id}`));
  let moved = 0;
  for (const [sender, id] of step.inbox) {
    if (id === before.get(sender)) continue;
    if (!covered.has(`${sender} ${id}`)) throw illegal("an entry of the inbox was not proposed");
    moved += 1;
  }
  if (moved === 0) throw illegal("nothing was read");
}

function checkOutbox(workspace, step, { last }) {
  const before = last?.outbox ?? new Map();
  for (const key of new Set([...before.keys(), ...step.outbox.keys()])) {
    if (!isLegalChange(workspace, before.get(key) ?? null, step.outbox.get(key) ?? null)) {
      throw illegal("an entry of the outbox went back or forks its chain");
    }
  }
}

function checkCore(workspace, step, { actor, last }) {
  if (workspace.read(step.core)?.kind !== "tree") throw illegal("the core is no tree");
  if (!hasCode(workspace.read, step.core)) throw illegal("the core has no blob at wit");
  const before = last === null ? actor : last.core; // the content of a genesis message is the actor
  if (!keepsFrozen(workspace.read, workspace.format, before, step.core)) throw illegal("a frozen path changed");
}

// What the step before reaches is whole, so what it has sent and read last, and all behind that, is not looked at again.
function checkClosure(workspace, step, { last }) {
  const assumed = new Map();
  if (last !== null) {
    for (const id of [...last.inbox.values(), ...last.outbox.values()]) assumed.set(id, "message");
    assumed.set(last.id, "step");
  }
  assumed.delete(step.id);
  workspace.checkClosure([step.id], assumed);
}

/**
 * Check that a result may become a step of a run {actor, last, proposal}. Throws Failure illegal-step, exhausted.
 * Spec: the rules wit.admit.*.
 */
export function admit(workspace, run, result) {
  try {
    const step = readStep(workspace.read, result);
    checkIdentity(step, run);
    checkInbox(step, run);
    checkOutbox(workspace, step, run);
    checkCore(workspace, step, run);
    checkClosure(workspace, step, run);
  } catch (error) {
    if (!(error instanceof Refusal) || error instanceof Failure) throw error;
    if (error.refusalClass === "exhausted") throw new Failure("exhausted", error.message);
    throw illegal(error.message); // something is absent, or of a wrong kind
  }
}
