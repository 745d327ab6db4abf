// The forms of the documents of flows. A form is a function from a value to whether it has the form; maps are closed.

import { compareNames, isName } from "./values.js";

const EXIT = /^[a-z][a-z0-9_]{0,62}\.(?:then|else)$/;
const DAY_MS = 86_400_000n;

export const isText = (value) => typeof value === "string";
const isBool = (value) => typeof value === "boolean";
export const isAny = () => true;
export const isExactly = (wanted) => (value) => value === wanted;
export const isOneOf =
  (...words) =>
  (value) =>
    words.includes(value);
const isWithin = (least, most) => (value) => typeof value === "bigint" && least <= value && value <= most;
export const isNamed = (value) => isText(value) && isName(value);
const isExit = (value) => isText(value) && EXIT.test(value);

export const isSized = (least, most) => (value) => {
  const size = isText(value) ? Buffer.byteLength(value) : -1;
  return least <= size && size <= most;
};

/** A list of distinct texts of a form. */
export const isSet =
  (isElement, least = 0, most = Number.POSITIVE_INFINITY) =>
  (value) =>
    Array.isArray(value) &&
    least <= value.length &&
    value.length <= most &&
    value.every(isElement) &&
    new Set(value).size === value.length;

/** A map of elements, with keys of a form. */
const isMapOf =
  (isKey, isElement, least = 0, most = Number.POSITIVE_INFINITY) =>
  (value) =>
    value instanceof Map &&
    least <= value.size &&
    value.size <= most &&
    [...value].every(([key, element]) => isKey(key) && isElement(element));

/** A closed map. Spec: flow.check.closed. */
export const isRecord =
  (required, optional = {}) =>
  (value) => {
    if (!(value instanceof Map) || !Object.keys(required).every((name) => value.has(name))) return false;
    const forms = new Map(Object.entries({ ...required, ...optional }));
    return [...value].every(([name, member]) => forms.get(name)?.(member) ?? false);
  };

export const isName64 = isSized(1, 64);
const isTime = isWithin(1n, DAY_MS);

const LIMITS = {
  max_steps: isWithin(1n, 10_000n),
  max_calls: isWithin(1n, 10_000n),
  max_tokens: isWithin(0n, 10n ** 12n),
  max_stalled: isWithin(1n, 1000n),
  max_visits: isWithin(1n, 10_000n),
};

const WORK = { tool: isNamed, args: isMapOf(isText, isAny) };
const MORE_WORK = {
  retry: isRecord({ max_attempts: isWithin(1n, 10n) }, { backoff_ms: isWithin(0n, 30_000n) }),
  timeout_ms: isTime,
  one_of: isSet(isSized(0, 1024), 1, 64),
};
const TARGETS = Object.fromEntries(["then", "else"].map((exit) => [exit, isNamed]));
const GUARDED = { on_error: isNamed, guards: isSet(isExit, 1, 16) };

const isSub = isRecord(WORK, { ...MORE_WORK, depends_on: isSet(isNamed, 1), optional: isBool });

const NODES = new Map([
  ["call", isRecord({ kind: isAny, next: isNamed, ...WORK }, { ...MORE_WORK, ...GUARDED })],
  [
    "parallel",
    isRecord(
      { kind: isAny, calls: isMapOf(isNamed, isSub, 1, 64), next: isNamed },
      { width: isWithin(1n, 64n), ...GUARDED },
    ),
  ],
  ["branch", isRecord({ kind: isAny, if: isText, ...TARGETS })],
  ["wait", isRecord({ kind: isAny, event: isName64, next: isNamed }, { timeout_ms: isTime, on_error: isNamed })],
  ["end", isRecord({ kind: isAny, outcome: isOneOf("success", "failure") }, { output: isAny })],
]);

/** Whether a value is a node. Spec: flow.check.closed, flow.check.ranges. */
export const isNode = (value) => value instanceof Map && (NODES.get(value.get("kind"))?.(value) ?? false);

/** Whether a program has its form, apart from its single nodes. Spec: flow.check.closed, flow.check.ranges. */
export const isProgram = isRecord(
  { flow: isExactly(1n), name: isName64, start: isNamed, nodes: isMapOf(isNamed, isAny, 1, 1024) },
  { desc: isText, limits: isRecord({}, LIMITS) },
);

const hasForm = isRecord(
  { peer: isNamed, params: isSet(isName64) },
  { refs: isSet(isName64), when: isText, cost: isWithin(0n, 10n ** 9n), guarded: isBool },
);

function isTool(value) {
  if (!hasForm(value)) return false;
  const params = new Set(value.get("params"));
  return (value.get("refs") ?? []).every((name) => params.has(name));
}

const isPeers = isSet(isNamed);

/** Whether a value is a policy. Spec: flow.check.closed, flow.check.ranges. */
export const isPolicy = isRecord(
  { flow_policy: isExactly(1n), tools: isMapOf(isNamed, isTool) },
  {
    timer: isNamed,
    eraser: isNamed,
    agent: isNamed,
    events: isMapOf(isName64, isSet(isNamed, 1)),
    limits: isRecord({}, { ...LIMITS, max_replans: isWithin(0n, 16n) }),
    control: isRecord({}, { cancel: isPeers, erase: isPeers, replan: isPeers, cleanup: isPeers }),
  },
);

// Documents in messages and in the core

const MOST_INT = 2n ** 63n - 1n;

export const isNat = isWithin(0n, MOST_INT);

const USAGE = { usage: isWithin(0n, 10n ** 12n) };
const RESULTS = new Map([
  ["ok", isRecord({ attempt: isNat, outcome: isAny, value: isAny }, USAGE)],
  ["pending", isRecord({ attempt: isNat, outcome: isAny })],
  ["error", isRecord({ attempt: isNat, outcome: isAny, error: isRecord({ class: isName64, retry: isBool }) }, USAGE)],
]);

/** Whether a value may be that of a result, also of a bad one. */
export const isAttempt = (value) => value instanceof Map && isNat(value.get("attempt"));

export const isResult = (value) => RESULTS.get(value.get("outcome"))?.(value) ?? false;

export const isEvent = isRecord({ node: isNamed, visit: isNat, event: isName64, value: isAny });

const isAscending = (names) => names.every((name, i) => i === 0 || compareNames(names[i - 1], name) < 0);

/** A list of names in key order. */
export const isNames =
  (most = Number.POSITIVE_INFINITY) =>
  (value) =>
    isSet(isNamed, 1, most)(value) && isAscending(value);

export const isErasing = isRecord({ refs: isNames(1024) });
export const isErase = isRecord({ flow: isExactly(1n), refs: isNames(1024) });
export const isCarry = isRecord({ calls: isNat, replans: isNat, steps: isNat, tokens: isNat });
