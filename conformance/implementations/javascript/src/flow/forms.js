// The forms of programs and policies. A form is a function from a value to whether it has the form; maps are closed.

import { isName } from "./values.js";

const EXIT = /^[a-z][a-z0-9_]{0,62}\.(?:then|else)$/;
const DAY_MS = 86_400_000n;

const isText = (value) => typeof value === "string";
const isBool = (value) => typeof value === "boolean";
const isAny = () => true;
const isExactly = (wanted) => (value) => value === wanted;
const isOneOf =
  (...words) =>
  (value) =>
    words.includes(value);
const isWithin = (least, most) => (value) => typeof value === "bigint" && least <= value && value <= most;
const isNamed = (value) => isText(value) && isName(value);
const isExit = (value) => isText(value) && EXIT.test(value);

const isSized = (least, most) => (value) => {
  const size = isText(value) ? Buffer.byteLength(value) : -1;
  return least <= size && size <= most;
};

/** A list of distinct texts of a form. */
const isSet =
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
const isRecord =
  (required, optional = {}) =>
  (value) => {
    if (!(value instanceof Map) || !Object.keys(required).every((name) => value.has(name))) return false;
    const forms = new Map(Object.entries({ ...required, ...optional }));
    return [...value].every(([name, member]) => forms.get(name)?.(member) ?? false);
  };

const isName64 = isSized(1, 64);
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
