// Where a session is, by its references, and the refusals that follow from that.

import { closedName, headName, archivedName } from "../../runtime/agent.js";
import { Refusal, invalid, missing, rejected } from "../../refusal.js";
import { readStep } from "../../wit/steps.js";
import { readIdText } from "../forms.js";
import { findHost } from "../session.js";

const REFUSALS = {
  closed: () => rejected("the session is closed", "closed"),
  gone: () => rejected("the session is gone", "gone"),
  moved: () => rejected("the session was moved", "moved"),
  archived: () => missing("the session is archived", "archived"),
  heads: () => rejected("the session is live", "live"),
};

export const noSession = () => missing("there is no such session", "session");
const noStep = () => invalid("the archived session leads to no step of it", "session");
const otherHost = () => rejected("the host of the session is not the agent of this runtime", "host");

/** Whether the agent is the host in a core. */
export function isHost(read, agent, core) {
  try {
    return core !== null && findHost({ read }, core) === agent;
  } catch (error) {
    if (error instanceof Refusal) return false; // something in it cannot be read
    throw error;
  }
}

/** The refusal by the first of some spaces in which a session has a reference, or null. Spec: session.away.refused. */
export function findRefusal({ references }, session, spaces) {
  const space = spaces.find((each) => references.target(`${each}/${session}`) !== null);
  return space === undefined ? null : REFUSALS[space]();
}

/** Throws what findRefusal() finds. */
export function checkSpaces(backend, session, spaces) {
  const refusal = findRefusal(backend, session, spaces);
  if (refusal !== null) throw refusal;
}

/** Throws Refusal unless the agent is the host in a core. */
export function checkHost(read, agent, core) {
  if (!isHost(read, agent, core)) throw otherHost();
}

/**
 * The step of a session to which a target leads: {step: id, isOutside}, or null. A step outside is named by a blob, and need not
 * be stored.
 */
function findPlace(workspace, session, target) {
  const isStep = (object) => object?.kind === "step" && object.actor === session;
  const object = workspace.find(target);
  if (isStep(object)) return { step: target, isOutside: false };
  const named = readIdText(object);
  if (named === undefined) return null;
  const there = workspace.find(named) ?? undefined; // undefined also for a tombstone
  return there === undefined || isStep(there) ? { step: named, isOutside: true } : null;
}

/** The place of an archived session, and the target of its reference. Throws Refusal missing, invalid. */
export function archivedPlace(workspace, session) {
  const target = workspace.store.backend.references.target(archivedName(session));
  if (target === null) throw noSession();
  const place = findPlace(workspace, session, target);
  if (place === null) throw noStep();
  return { ...place, target };
}

/** Whether an archived actor is known, or has to be taken, for a session of the agent. */
export function isArchivedSession(workspace, session, agent) {
  const target = workspace.store.backend.references.target(archivedName(session));
  const place = findPlace(workspace, session, target);
  if (place === null || place.isOutside) return place !== null;
  return isHost(workspace.read, agent, workspace.read(place.step).core);
}

/** The step of a closed session. */
export function closedStep(workspace, session) {
  const target = workspace.store.backend.references.target(closedName(session));
  return findPlace(workspace, session, target)?.step ?? target;
}

/** Check that a step outside was imported as a whole. Throws Refusal missing. Spec: session.restore.outside. */
function checkWhole({ store }, step) {
  try {
    store.closure([step]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw missing("the step of the session is outside of the store", "outside");
  }
}

/** The place at which a session can be restored, with its step read. Throws Refusal. Spec: session.restore.guard. */
export function restorablePlace(workspace, session, agent) {
  checkSpaces(workspace.store.backend, session, ["closed", "gone", "heads", "moved"]);
  const { target, step, isOutside } = archivedPlace(workspace, session);
  if (isOutside && workspace.find(step) === null) throw noStep(); // a tombstone
  if (isOutside) checkWhole(workspace, step);
  const read = readStep(workspace.read, step);
  checkHost(workspace.read, agent, read.core);
  return { target, step: read };
}

/** The head of a session, or null. */
export const headOf = ({ references }, session) => references.target(headName(session));
