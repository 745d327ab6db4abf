// Channels: what is unread between a tip and a cursor, and which changes of an outbox are legal.

import { exhausted, invalid } from "../refusal.js";

/** The message of an id. Throws Refusal missing, invalid. */
export function readMessage(read, id) {
  const message = read(id);
  if (message?.kind !== "message") throw invalid(`${id} is no message`);
  return message;
}

/** The value of the header `mt` of a message, or the empty text. */
export const typeOf = (message) => message.headers.find(([key]) => key === "mt")?.[1] ?? "";

/**
 * The unread messages between a tip and a cursor (each an id or null): {messages: [{id, message}], fresh}, oldest first.
 *
 * The work is that of reading the unread messages, whatever is behind the cursor. Throws Refusal missing; invalid for
 * what is no message; exhausted for more than `most`. Spec: wit.channel.unread, wit.channel.superseded, wit.channel.walk-cost.
 */
export function findUnread(read, tip, cursor, most = Infinity) {
  const messages = [];
  let id = tip;
  for (; id !== null && id !== cursor; id = messages.at(-1).message.previous) {
    if (messages.length === most) throw exhausted(`more than ${most} unread messages`);
    messages.push({ id, message: readMessage(read, id) });
  }
  return { messages: messages.reverse(), fresh: messages.length > 0 && id === null };
}

/** The id of the message without previous that a chain begins with. */
export function findRoot(read, knowledge, id) {
  let at = id;
  for (;;) {
    const known = knowledge.root(at);
    const { previous } = known === undefined ? readMessage(read, at) : { previous: null };
    if (previous === null) {
      const root = known ?? at;
      knowledge.learnRoot(id, root);
      return root;
    }
    at = previous;
  }
}

/**
 * Whether an outbox entry may change from one message to another (each an id or null). Spec: wit.admit.outbox.
 *
 * The work is that of reading what is sent, unless a chain takes the place of one of which the root is not known.
 */
export function isLegalChange(workspace, before, after) {
  if (after === before || after === null || before === null) return true;
  const { knowledge } = workspace.store;
  let root = after;
  for (let id = after; id !== null; id = readMessage(workspace.read, id).previous) {
    if (id === before) return true;
    root = id;
  }
  if (workspace.isNew(root)) return true; // no older chain can hold it
  return findRoot(workspace.read, knowledge, before) !== root;
}
