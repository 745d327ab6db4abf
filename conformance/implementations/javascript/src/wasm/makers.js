// The functions of a guest that make objects. What they are going to make is weighed and charged before it is made.

import { ZERO_ID } from "../ids.js";
import { textOf } from "../grammar.js";
import { Refusal, invalid } from "../refusal.js";
import { place } from "./place.js";
import { ABSENT, INVALID, LIMIT, demand } from "./problems.js";
import { demandEdge, demandKind, demandKnown } from "./scope.js";
import { MOST_WEIGHT, weightOf } from "./weights.js";

const OPTIONAL = { mayBeZero: true, isLifted: true };
const NEEDED = { isLifted: true };
const READ = { mayBeZero: true };
const NO_MAIL = { kind: "mailbox", entries: [] };

const orNull = (id) => (id === ZERO_ID ? null : id);

function readHeaders({ grammar }, bytes) {
  const headers = new Map();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    const after = end < 0 ? -1 : bytes.indexOf(0, end + 1);
    if (after < 0) throw invalid("a header list that does not end");
    const key = textOf(grammar.key, bytes.subarray(at, end));
    if (headers.has(key)) throw invalid("a key twice");
    headers.set(key, textOf(grammar.value, bytes.subarray(end + 1, after)));
    at = after + 1;
  }
  return [...headers];
}

/** The headers of a header list. */
function demandHeaders({ format }, bytes) {
  try {
    return readHeaders(format, bytes);
  } catch (error) {
    demand(!(error instanceof Refusal), INVALID);
    throw error;
  }
}

/** The plan of what weighs something more than the object that is made of it. */
function planOf(call, object) {
  const weight = weightOf(object);
  return weight > MOST_WEIGHT ? { weight, error: LIMIT } : { weight, make: () => [call.workspace.write(object)] };
}

function blob(call, [data, list]) {
  return planOf(call, { kind: "blob", headers: demandHeaders(call, list), data });
}

function message(call, [previous, list, content]) {
  const headers = demandHeaders(call, list);
  demandKnown(call, previous, OPTIONAL);
  demandKnown(call, content, NEEDED);
  demandEdge(call, previous, "message");
  demandEdge(call, content, "blob", "tree");
  return planOf(call, { kind: "message", previous: orNull(previous), headers, content });
}

function step(call, [previous, actor, inbox, outbox, core]) {
  demandKnown(call, previous, OPTIONAL);
  demandKnown(call, actor, NEEDED);
  demandKnown(call, inbox, OPTIONAL);
  demandKnown(call, outbox, OPTIONAL);
  demandKnown(call, core, NEEDED);
  demandEdge(call, previous, "step");
  demandEdge(call, actor, "tree");
  demandEdge(call, inbox, "mailbox");
  demandEdge(call, outbox, "mailbox");
  demandEdge(call, core, "tree");
  const [before, read, sent] = [previous, inbox, outbox].map(orNull);
  return planOf(call, { kind: "step", previous: before, actor, inbox: read, outbox: sent, core });
}

function mail(call, [mailbox, actor, to]) {
  demandKnown(call, mailbox, READ);
  demandKnown(call, actor, NEEDED);
  demandKnown(call, to, OPTIONAL);
  const before = mailbox === ZERO_ID ? NO_MAIL : demandKind(call, mailbox, "mailbox");
  demandEdge(call, actor, "tree");
  demandEdge(call, to, "message");
  const others = before.entries.filter(([key]) => key !== actor);
  if (to === ZERO_ID && others.length === before.entries.length) return { weight: weightOf(before), error: ABSENT };
  const after = { kind: "mailbox", entries: to === ZERO_ID ? others : [...others, [actor, to]] };
  const weight = weightOf(before) + weightOf(after);
  if (weightOf(after) > MOST_WEIGHT) return { weight, error: LIMIT };
  return { weight, make: () => [after.entries.length === 0 ? ZERO_ID : call.workspace.write(after)] };
}

const maker = (parts, work) => ({ parts: parts.split(" "), base: 1_000, work });

/** name -> function, as in functions.js. They give 0. */
export const MAKERS = {
  place: maker("id in id out", place),
  mail: maker("id id id out", mail),
  blob: maker("in in out", blob),
  message: maker("id in id out", message),
  step: maker("id id id id id out", step),
};
