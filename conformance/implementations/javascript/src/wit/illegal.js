// The illegal results of the puppet's op X.

import { failed } from "./failure.js";
import { writeMailbox } from "./steps.js";

const inverted = (id) => Buffer.from(Buffer.from(id, "hex").map((byte) => byte ^ 0xff)).toString("hex");

const nothing = () => failed("there is nothing to alter");

function crowdInbox({ workspace, inbox, coreId, id, last, entries }) {
  if (last?.inbox.has(coreId) || entries.has(coreId)) throw nothing();
  return { inbox: writeMailbox(workspace, new Map(inbox).set(coreId, id)) };
}

function loseSender({ workspace, inbox, sender, last }) {
  if (!last?.inbox.has(sender)) throw nothing();
  const rest = new Map(inbox);
  rest.delete(sender);
  return { inbox: writeMailbox(workspace, rest) };
}

function otherCursor({ workspace, inbox, sender, id, message }) {
  const other = workspace.write({ kind: "message", previous: id, headers: [], content: message.content });
  return { inbox: writeMailbox(workspace, new Map(inbox).set(sender, other)) };
}

function goBack({ workspace, outbox, last }) {
  const key = last === null ? undefined : [...last.outbox.keys()].sort()[0];
  const before = key === undefined ? null : workspace.read(last.outbox.get(key)).previous;
  if (before === null) throw nothing();
  return { outbox: writeMailbox(workspace, new Map(outbox).set(key, before)) };
}

function openEnded({ workspace, outbox, sender, id }) {
  const previous = outbox.get(sender) ?? null;
  const message = workspace.write({ kind: "message", previous, headers: [], content: inverted(id) });
  return { outbox: writeMailbox(workspace, new Map(outbox).set(sender, message)) };
}

function withoutCode({ workspace, coreId }) {
  const { entries } = workspace.read(coreId);
  const rest = entries.filter(([name]) => name !== "wit");
  if (rest.length === entries.length || rest.length === 0) throw nothing();
  return { core: workspace.write({ kind: "tree", entries: rest }) };
}

function otherPrevious({ last, coreId, isCleanup }) {
  if (last === null) return { previous: coreId };
  return { previous: isCleanup ? last.id : null };
}

/** kind -> what of the step is altered. */
const FIELDS = new Map([
  [0x01, otherPrevious],
  [
    0x02,
    ({ sender, actor }) => {
      if (sender === actor) throw nothing();
      return { actor: sender };
    },
  ],
  [0x03, ({ workspace, last }) => ({ inbox: writeMailbox(workspace, last?.inbox ?? new Map()) })],
  [0x04, crowdInbox],
  [0x05, loseSender],
  [0x06, otherCursor],
  [0x07, goBack],
  [0x08, openEnded],
  [0x09, ({ workspace }) => ({ core: workspace.writeBlob(Buffer.alloc(0)) })],
  [0x0a, withoutCode],
  [0x0b, ({ id }) => ({ core: inverted(id) })],
  [
    0x0e,
    ({ last }) => {
      if (last === null || last.previous === null) throw nothing();
      return { previous: last.previous };
    },
  ],
]);

const INSTEAD = new Map([
  [0x0c, ({ coreId }) => coreId],
  [0x0d, ({ id }) => inverted(id)],
]);

/**
 * The id that the puppet gives back in the place of a step. `made` is {workspace, actor, last, inbox, outbox, coreId, entries,
 * isCleanup, step: the object of the legal step, and sender, id and message of the message whose program held the X}.
 */
export function spoil(kind, made) {
  const instead = INSTEAD.get(kind);
  if (instead !== undefined) return instead(made);
  const alter = FIELDS.get(kind);
  if (alter === undefined) throw failed(`no illegal result is of the kind ${kind}`);
  return made.workspace.write({ ...made.step, ...alter(made) });
}
