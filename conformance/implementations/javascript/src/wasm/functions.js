// The functions that a guest may import. Each is {parts: its parameters, base: units of charge A, grant, work}.
//
// Parts: `number`, `id` (a pointer to an id that is read), `in` (pointer and length of bytes that are read), `buf` (pointer
// and room for bytes that are written), `out` (a pointer to an id that is written). work(call, values, instance) gets a
// value for each part but `out`, for `buf` its room; it gives what the guest gets, or a plan (abi.js). `call` is a
// GuestCall (call.js).

import { isUtf8 } from "node:buffer";
import { ZERO_ID, idAt } from "../ids.js";
import { KIND_NAMES } from "../kinds.js";
import { Refusal } from "../refusal.js";
import { failed } from "../wit/failure.js";
import { MOST_U63 } from "./documents.js";
import { MAKERS } from "./makers.js";
import { readGuestPath } from "./place.js";
import { ABSENT, ERASED, FAILED, INVALID, LIMIT, demand } from "./problems.js";
import { readRandom } from "./random.js";
import { demandKind, demandKnown } from "./scope.js";
import { entryOf, orderedEntries, weightOf } from "./weights.js";

const MOST_INPUT = 7;
const KEY_BYTES = 32;
const MOST_NAME_BYTES = 65_535;

const numberOf = (kind) => KIND_NAMES.indexOf(kind) + 1;
const kindOf = ({ workspace }, id) => numberOf(workspace.kind(id));

const fn = (parts, work, grant) => ({ parts: parts === "" ? [] : parts.split(" "), base: 100, grant, work });

function input(call, [which]) {
  demand(which <= MOST_INPUT, INVALID);
  const id = call.input(which);
  return id === null ? { error: ABSENT } : { value: kindOf(call, id), outs: [id] };
}

function covered({ covered: all }, [i]) {
  if (i >= all.length) return { error: ABSENT };
  const { sender, id, message } = all[i];
  return { weight: weightOf(message), outs: [sender, id] };
}

function kind(call, [id]) {
  demandKnown(call, id);
  return { value: kindOf(call, id) };
}

function size(call, [id]) {
  demandKnown(call, id);
  const object = demandKind(call, id, "blob", "tree", "mailbox");
  demand(object !== null, ERASED);
  if (object.kind === "blob") return { value: object.data.length };
  return { weight: weightOf(object), value: object.entries.length };
}

function read(call, [id, offset, room]) {
  demandKnown(call, id);
  const blob = demandKind(call, id, "blob");
  demand(blob !== null, ERASED);
  const data = blob.data.subarray(offset, offset + room);
  return { value: data.length, outs: [data] };
}

function headers(call, [id]) {
  demandKnown(call, id);
  const object = demandKind(call, id, "blob", "message");
  demand(object !== null, ERASED);
  const sorted = object.headers.toSorted(([a], [b]) => (a < b ? -1 : 1)); // keys are ASCII
  const bytes = Buffer.from(sorted.map(([key, value]) => `${key}\0${value}\0`).join(""));
  return { value: bytes.length, outs: [bytes] };
}

const FIELDS = { message: ["previous", "content"], step: ["previous", "actor", "inbox", "outbox", "core"] };

function link(call, [id, field]) {
  demandKnown(call, id);
  const object = demandKind(call, id, "message", "step");
  const names = FIELDS[object.kind];
  demand(field < names.length, INVALID);
  const to = object[names[field]];
  const weight = weightOf(object);
  return to === null ? { weight, error: ABSENT } : { weight, value: kindOf(call, to), outs: [to] };
}

function entry(call, [id, i]) {
  demandKnown(call, id);
  const object = demandKind(call, id, "tree", "mailbox");
  const entries = orderedEntries(object);
  const weight = weightOf(object);
  if (i >= entries.length) return { weight, error: ABSENT };
  const [name, to] = entries[i];
  return { weight, value: name.length, outs: [name, to], key: object.kind === "mailbox" ? idAt(name, 0) : undefined };
}

function find(call, [id, key]) {
  demandKnown(call, id);
  const object = demandKind(call, id, "tree", "mailbox");
  const isTree = object.kind === "tree";
  demand(isTree || key.length === KEY_BYTES, INVALID);
  const { weight, found } = isTree ? findPath(call, object, readGuestPath(call, key)) : findKey(object, idAt(key, 0));
  return found === null ? { weight, error: ABSENT } : { weight, value: kindOf(call, found), outs: [found] };
}

const findKey = (mailbox, key) => ({ weight: weightOf(mailbox), found: entryOf(mailbox, key) });

function findPath({ workspace }, tree, names) {
  let weight = 0;
  let object = tree;
  let found = null;
  for (const [i, name] of names.entries()) {
    if (object?.kind !== "tree") return { weight, found: null };
    weight += weightOf(object);
    found = entryOf(object, name);
    if (found === null) break;
    if (i + 1 < names.length) object = workspace.read(found);
  }
  return { weight, found };
}

function result(call, [id]) {
  demandKnown(call, id, { mayBeZero: true, isLifted: true });
  call.result = id === ZERO_ID ? null : id;
  return {};
}

function queryName({ queryName: name }) {
  return name === null ? { error: ABSENT } : { value: name.length, outs: [name] };
}

function query(call, [actor, name, args]) {
  demand(name.length <= MOST_NAME_BYTES && isUtf8(name), INVALID);
  demandKnown(call, actor);
  demandKnown(call, args);
  demandKind(call, actor, "tree");
  const blob = demandKind(call, args, "blob");
  demand(blob !== null, ERASED);
  const answer = askFor(call, actor, name.toString("utf8"), blob.data);
  if (answer === undefined) return { error: FAILED };
  return answer === null ? { error: ABSENT } : { value: kindOf(call, answer), outs: [answer] };
}

/** The answer, null for none, undefined where the query is refused. */
function askFor(call, ...asked) {
  try {
    return call.ask(...asked);
  } catch (error) {
    if (error instanceof Refusal) return undefined; // for whatever reason
    throw error;
  }
}

/** Spec: wasm.random.stream. */
function random(call, [room]) {
  const { key, position } = call.random;
  const b = Math.ceil(room / 2);
  const next = position + BigInt(room);
  if (next > MOST_U63) return { b, error: LIMIT };
  const make = () => {
    call.random = { key, position: next };
    return [readRandom(key, position, room)];
  };
  return { b, make };
}

/** Spec: wasm.clock.count. */
function clock(call) {
  const now = call.clock;
  call.clock = (now + call.manifest.clock.tick) & MOST_U63;
  return now;
}

const fail = (call, [code, text]) => {
  throw failed(text.toString("utf8", 0, 1024), `guest:${code}`);
};

/** name -> function. Spec: wasm.abi.function. */
export const FUNCTIONS = {
  input: fn("number out", input),
  covered: fn("number out out", covered),
  kind: fn("id", kind),
  size: fn("id", size),
  read: fn("id number buf", read),
  headers: fn("id buf", headers),
  link: fn("id number out", link),
  entry: fn("id number buf out", entry),
  find: fn("id in out", find),
  ...MAKERS,
  result: fn("id", result),
  query_name: fn("buf", queryName),
  query: { ...fn("id in id out", query, "query"), base: 10_000 },
  random: fn("buf", random, "random"),
  clock: fn("", clock, "clock"),
  attempt: fn("", (call) => call.attempt, "attempt"),
  fuel: fn("", (call, values, instance) => instance.fuel),
  log: fn("in", () => ({})),
  fail: fn("number in", fail),
  wait: fn("", (call, values, instance) => call.suspend(instance), "wait"),
};
