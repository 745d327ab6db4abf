// Admission: which results of code become steps.

import { changedKeys } from "../maps.js";
import { Refusal } from "../refusal.js";
import { isLegalChange } from "./channels.js";
import { Failure, illegal } from "./failure.js";
import { hasCode, keepsFrozen } from "./frozen.js";
import { readStep } from "./steps.js";

const NONE = new Map();
const TREE = ["tree"];
const MESSAGE = ["message"];

function checkIdentity(step, { actor, last, proposal }) {
  if (step.actor !== actor) throw illegal("the actor is another one");
  const cuts = proposal.kind === "genesis" || proposal.kind === "cleanup";
  if (step.previous !== (cuts ? null : last.id)) throw illegal("the previous is another one");
}

function checkInbox(step, { last, proposal }) {
  const before = last?.inbox ?? NONE;
  for (const sender of before.keys())
    if (!step.inbox.has(sender)) throw illegal("a sender is not in the inbox any more");
  const covered = new Set(proposal.covered.map(({ sender, id }) => `${sender} ${id}`));
  const moved = [...changedKeys(before, step.inbox)];
  if (moved.length === 0) throw illegal("nothing was read");
  for (const sender of moved) {
    if (!covered.has(`${sender} ${step.inbox.get(sender)}`)) throw illegal("an entry of the inbox was not proposed");
  }
}

function checkOutbox(workspace, step, { last }) {
  const before = last?.outbox ?? NONE;
  for (const key of changedKeys(before, step.outbox)) {
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

// What the step before reaches is whole, so of the mailboxes only what changed is looked at, down to what was there.
function checkClosure(workspace, step, { last }) {
  const edges = [
    [step.actor, TREE],
    [step.core, TREE],
  ];
  const whole = new Map();
  for (const box of ["inbox", "outbox"]) {
    const before = last?.[box] ?? NONE;
    for (const key of changedKeys(before, step[box])) {
      if (before.has(key)) whole.set(before.get(key), "message");
      if (step[box].has(key)) edges.push([key, TREE], [step[box].get(key), MESSAGE]);
    }
  }
  workspace.checkClosure(edges, whole);
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
