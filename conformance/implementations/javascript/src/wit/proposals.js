// Proposals: of which kind a message is for an actor, and which messages are read together.

import { ZERO_ID } from "../ids.js";
import { Refusal, invalid } from "../refusal.js";
import { findUnread, typeOf } from "./channels.js";

const WAITING = "waiting";

/** The kind of an unread message. `exists`: the actor has a step. Spec: wit.kind.precedence. */
export function kindOf(message, actor, exists) {
  if (!exists) return message.content === actor ? "genesis" : WAITING;
  const type = typeOf(message);
  if (type === "update" || type === "cleanup") return type;
  return message.content === actor ? "duplicate" : "ordinary";
}

/** Whether messages of a kind are read alone. */
export const isControl = (kind) => kind !== "ordinary" && kind !== WAITING;

const noProposal = (message) => invalid(message, "proposal");

function findCovered(read, sender, id, cursor) {
  if (id === cursor) throw noProposal(`${id} is read already`);
  try {
    return findUnread(read, id, cursor).messages.map((each) => ({ sender, ...each }));
  } catch (error) {
    if (error instanceof Refusal && error.refusalClass === "invalid") throw noProposal(error.message);
    throw error;
  }
}

/**
 * The proposal that reads some messages: {kind, entries: Map, covered: [{sender, id, message}]}, in the order of reading.
 *
 * `pairs` are [[sender, message id], ...] in any order, each message in the place of its channel's tip; `last` is the step
 * (steps.js) or null. Throws Refusal missing; invalid with the code proposal. Spec: wit.proposal.valid.
 */
export function readProposal(read, actor, last, pairs) {
  const entries = new Map(pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  if (pairs.length === 0) throw noProposal("a proposal of nothing");
  if (entries.size < pairs.length) throw noProposal("a sender occurs twice");
  if (entries.has(ZERO_ID)) throw noProposal("a sender is all zero");
  const covered = [];
  for (const [sender, id] of entries) {
    for (const each of findCovered(read, sender, id, last?.inbox.get(sender) ?? null)) covered.push(each);
  }
  return { kind: checkKinds(covered, actor, last !== null), entries, covered };
}

function checkKinds(covered, actor, exists) {
  const kind = kindOf(covered[0].message, actor, exists);
  if (kind === WAITING) throw noProposal("the message waits for the actor to begin");
  for (const { message } of covered) {
    if (kindOf(message, actor, exists) !== kind) throw noProposal("messages of two kinds");
  }
  if (isControl(kind) && covered.length > 1) throw noProposal("a control message with another");
  return kind;
}
