// Steps with their mailboxes as maps: none is the empty map, and an empty map is written as none.

import { sortPairs } from "../maps.js";
import { invalid } from "../refusal.js";

const MAPS = new WeakMap(); // object of a mailbox -> its entries as a map

function readMailbox(read, id) {
  if (id === null) return new Map();
  const mailbox = read(id);
  if (mailbox?.kind !== "mailbox") throw invalid(`${id} is no mailbox`);
  if (!MAPS.has(mailbox)) MAPS.set(mailbox, new Map(mailbox.entries));
  return MAPS.get(mailbox);
}

/** The object of a step, whose mailboxes are ids. Throws Refusal missing, and invalid for what is no step. */
export function readStepObject(read, id) {
  const step = read(id);
  if (step?.kind !== "step") throw invalid(`${id} is no step`);
  return step;
}

/**
 * The step of an id: {id, previous, actor, inbox, outbox, core}; the mailboxes are maps that must not be altered.
 * Throws Refusal missing, and invalid for what is no step or has no mailboxes in their place.
 */
export function readStep(read, id) {
  const { previous, actor, core, ...mailboxes } = readStepObject(read, id);
  const [inbox, outbox] = [mailboxes.inbox, mailboxes.outbox].map((each) => readMailbox(read, each));
  return { id, previous, actor, inbox, outbox, core };
}

/** Make a mailbox of a map: its id, null for no entries. */
export function writeMailbox(workspace, entries) {
  return entries.size === 0 ? null : workspace.write({ kind: "mailbox", entries: sortPairs([...entries]) });
}

/** Make a step with its mailboxes, given as maps: its id. */
export function writeStep(workspace, { previous, actor, inbox, outbox, core }) {
  const [inboxId, outboxId] = [inbox, outbox].map((entries) => writeMailbox(workspace, entries));
  return workspace.write({ kind: "step", previous, actor, inbox: inboxId, outbox: outboxId, core });
}

/** The step that only reads: the inbox of `last` with one entry more, and no code. Spec: wit.genesis.again. */
export function writeCursorStep(workspace, last, sender, message) {
  return writeStep(workspace, { ...last, previous: last.id, inbox: new Map(last.inbox).set(sender, message) });
}
