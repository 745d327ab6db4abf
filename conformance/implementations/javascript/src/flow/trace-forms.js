// The forms of the events in a trace.

import { isName64, isNamed, isNat, isOneOf, isSized, isText } from "./forms.js";

const isDigest = isSized(64, 64);
const isDefect = (value) => Array.isArray(value) && value.length === 2 && value.every(isText);
const isRefs = (value) => Array.isArray(value) && value.length > 0 && value.every(isNamed);
const isTimerReason = isOneOf("timeout", "backoff", "wait");
const isFailure = (value) => value instanceof Map && hasMembers(value, "class why?", {});

/** member -> its form. Members of some events have another one. */
const MEMBERS = {
  args: isDigest,
  attempt: isNat,
  class: isText,
  defects: (value) => Array.isArray(value) && value.length > 0 && value.every(isDefect),
  e: isText,
  event: isName64,
  failure: isFailure,
  input: isDigest,
  ms: isNat,
  node: isNamed,
  outcome: isOneOf("ok", "error", "bad", "timeout", "undeliverable"),
  policy: isDigest,
  program: isDigest,
  refs: isRefs,
  status: isOneOf("rejected", "succeeded", "failed", "budget_exceeded", "stalled"),
  sub: isNamed,
  taken: isNamed,
  tool: isNamed,
  usage: isNat,
  value: isDigest,
  visit: isNat,
  why: isText,
};
const OTHERS = {
  denied: { why: isOneOf("ref", "erased", "when") },
  timer: { why: isTimerReason },
  fired: { why: isTimerReason },
};

/** event -> its members, optional ones with a question mark. */
const EVENTS = new Map([
  ["admitted", "e program policy input"],
  ["planned", "e"],
  ["rejected", "e defects"],
  ["entered", "e node visit"],
  ["decided", "e node taken"],
  ["waiting", "e node event"],
  ["called", "e node sub? tool attempt args"],
  ["denied", "e node sub? tool why"],
  ["timer", "e node sub? why ms"],
  ["fired", "e node sub? why"],
  ["pending", "e node sub? attempt"],
  ["settled", "e node sub? attempt outcome usage value?"],
  ["resumed", "e node event value"],
  ["failed", "e node sub? failure"],
  ["erased", "e refs"],
  ["gone", "e refs"],
  ["continued", "e program"],
  ["cut", "e"],
  ["ended", "e status"],
  ["ignored", "e why"],
]);

function hasMembers(value, listed, others) {
  const names = listed.split(" ");
  const known = new Set(names.map((name) => name.replace("?", "")));
  const isComplete = names.every((name) => name.endsWith("?") || value.has(name));
  return isComplete && [...value].every(([name, member]) => known.has(name) && (others[name] ?? MEMBERS[name])(member));
}

/** Whether a value is an event. */
export function isLogged(value) {
  if (!(value instanceof Map) || !EVENTS.has(value.get("e"))) return false;
  const name = value.get("e");
  if (!hasMembers(value, EVENTS.get(name), OTHERS[name] ?? {})) return false;
  return name !== "settled" || value.has("value") === (value.get("outcome") === "ok");
}
