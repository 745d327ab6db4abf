// The forms of the events in a trace.

import { isAny, isExactly, isNamed, isName64, isNat, isOneOf, isRecord, isSet, isSized, isText } from "./forms.js";

const isDigest = isSized(64, 64);
const SUB = { sub: isNamed };
const isTimerReason = isOneOf("timeout", "backoff", "wait");
const isStatus = isOneOf("rejected", "succeeded", "failed", "budget_exceeded", "stalled");
const isDefect = (value) => Array.isArray(value) && value.length === 2 && value.every(isText);
const isDefects = (value) => Array.isArray(value) && value.length > 0 && value.every(isDefect);
const isRefs = isSet(isNamed, 1);
const settled = isRecord(
  {
    e: isAny,
    node: isNamed,
    attempt: isNat,
    outcome: isOneOf("error", "bad", "timeout", "undeliverable"),
    usage: isNat,
  },
  SUB,
);
const settledOk = isRecord(
  { e: isAny, node: isNamed, attempt: isNat, outcome: isExactly("ok"), usage: isNat, value: isDigest },
  SUB,
);
const isFailure = isRecord({ class: isText }, { why: isText });

/** name -> [members, optional members]. */
const EVENTS = {
  admitted: [{ program: isDigest, policy: isDigest, input: isDigest }],
  planned: [{}],
  rejected: [{ defects: isDefects }],
  entered: [{ node: isNamed, visit: isNat }],
  decided: [{ node: isNamed, taken: isNamed }],
  waiting: [{ node: isNamed, event: isName64 }],
  called: [{ node: isNamed, tool: isNamed, attempt: isNat, args: isDigest }, SUB],
  denied: [{ node: isNamed, tool: isNamed, why: isOneOf("ref", "erased", "when") }, SUB],
  timer: [{ node: isNamed, why: isTimerReason, ms: isNat }, SUB],
  fired: [{ node: isNamed, why: isTimerReason }, SUB],
  pending: [{ node: isNamed, attempt: isNat }, SUB],
  resumed: [{ node: isNamed, event: isName64, value: isDigest }],
  failed: [{ node: isNamed, failure: isFailure }, SUB],
  erased: [{ refs: isRefs }],
  gone: [{ refs: isRefs }],
  continued: [{ program: isDigest }],
  cut: [{}],
  ended: [{ status: isStatus }],
  ignored: [{ why: isText }],
};
const FORMS = new Map(
  Object.entries(EVENTS).map(([name, [required, optional]]) => [name, isRecord({ e: isAny, ...required }, optional)]),
);
FORMS.set("settled", (value) => settled(value) || settledOk(value));

/** Whether a value is an event. */
export const isLogged = (value) => value instanceof Map && (FORMS.get(value.get("e"))?.(value) ?? false);
