// Metrics of a canonical trace. They are exact. Spec: flow.metric.formula, flow.metric.change-point.

import { Refusal, malformed } from "../refusal.js";
import { log2, ratio, round } from "./ratios.js";
import { isLogged } from "./trace-forms.js";
import { decodeValue } from "./values.js";

const MILLION = 1_000_000n;
const MOST_ENTRIES = 4096;
const DETECTED_MILLIBITS = 4322;

/** Throws Refusal malformed. Spec: flow.metric.refused. */
function readTrace(bytes) {
  try {
    const events = decodeValue(bytes, Number.POSITIVE_INFINITY);
    if (Array.isArray(events) && events.every(isLogged)) return events;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  throw malformed("trace is not a list of events");
}

const share = (part, whole) => ratio(BigInt(part), BigInt(whole));
const named = (events, name) => events.filter((event) => event.get("e") === name);
const count = (items, holds) => items.reduce((sum, item) => sum + (holds(item) ? 1 : 0), 0);

function counted(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0n) + 1n);
  return [...counts.values()];
}

/** The sum of n log n over some counts. Each logarithm is computed once. */
function entropy(counts) {
  const logs = new Map([...new Set(counts)].map((n) => [n, log2(n)]));
  return counts.reduce((sum, n) => sum + n * logs.get(n), 0n);
}

/** With n(a, b) pairs and n(a) that begin with a, the sum of n(a) log n(a) less that of n(a, b) log n(a, b). */
function transitionEntropy(nodes) {
  if (nodes.length < 2) return 0;
  const firsts = nodes.slice(0, -1);
  const pairs = firsts.map((node, i) => `${node} ${nodes[i + 1]}`);
  return round(entropy(counted(firsts)) - entropy(counted(pairs)), MILLION, BigInt(pairs.length));
}

/** Whether each element occurs earlier. */
function repeats(nodes) {
  const seen = new Set();
  return nodes.map((node) => {
    const isSeen = seen.has(node);
    seen.add(node);
    return isSeen;
  });
}

/** The Levenshtein distance of two lists. */
function distance(a, b) {
  let row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  let next = new Uint32Array(row.length);
  for (const item of a) {
    next[0] = row[0] + 1;
    for (let j = 1; j < row.length; j += 1) {
      const replaced = row[j - 1] + (b[j - 1] === item ? 0 : 1);
      next[j] = Math.min(replaced, row[j] + 1, next[j - 1] + 1);
    }
    [row, next] = [next, row];
  }
  return row.at(-1);
}

function pathVariance(nodes, baselines) {
  const numbers = new Map();
  const numbered = (names) =>
    names.map((name) => numbers.get(name) ?? (numbers.set(name, numbers.size), numbers.size - 1));
  const path = numbered(nodes);
  const sum = baselines
    .map(numbered)
    .map((baseline) => [distance(path, baseline), Math.max(path.length, baseline.length)])
    .reduce((total, each) => total.map((number, i) => number + each[i]), [0, 0]);
  return share(...sum);
}

const isOk = (event) => event.get("e") === "settled" && event.get("outcome") === "ok";
const placeOf = (event) => `${event.get("node")} ${event.get("sub") ?? ""}`;

function toolChurn(events) {
  const called = new Map(); // place -> tool and args
  const values = new Map(); // tool and args -> the last value
  let repeated = 0;
  for (const event of events) {
    if (event.get("e") === "called") called.set(placeOf(event), `${event.get("tool")} ${event.get("args")}`);
    if (!isOk(event) || !called.has(placeOf(event))) continue;
    const call = called.get(placeOf(event));
    if (values.get(call) === event.get("value")) repeated += 1;
    values.set(call, event.get("value"));
  }
  return share(repeated, count(events, isOk));
}

const isViolation = (event) =>
  ["denied", "rejected"].includes(event.get("e")) || (event.get("e") === "settled" && event.get("outcome") === "bad");

function usageOf(events) {
  const usage = new Map();
  for (const event of named(events, "called")) {
    const node = event.get("node");
    if (!usage.has(node)) usage.set(node, { node, calls: 0, tokens: 0n });
    usage.get(node).calls += 1;
  }
  for (const event of named(events, "settled")) {
    const entry = usage.get(event.get("node"));
    if (entry !== undefined) entry.tokens += event.get("usage");
  }
  const sorted = [...usage.values()].toSorted((a, b) => (a.node < b.node ? -1 : 1));
  return sorted.map((entry) => ({ ...entry, tokens: String(entry.tokens) }));
}

function factorial(number) {
  let result = 1n;
  for (let i = 2n; i <= number; i += 1n) result *= i;
  return result;
}

/**
 * F(t) (n + 2)! for each t from 1, which is an integer: the product of k! (m - k)! of both segments and of the binomial
 * coefficient of n + 2 and t + 1. Each follows from the one before by small factors.
 */
function* evidences(series) {
  const n = BigInt(series.length);
  const left = [0n, 0n]; // zeros and ones
  const right = [0n, 0n];
  for (const bit of series) right[Number(bit)] += 1n;
  let evidence = factorial(right[0]) * factorial(right[1]) * (n + 2n);
  for (const [i, bit] of series.slice(0, -1).entries()) {
    const side = Number(bit);
    const t = BigInt(i) + 1n;
    evidence = ((evidence / right[side]) * (left[side] + 1n) * (n + 2n - t)) / (t + 1n);
    left[side] += 1n;
    right[side] -= 1n;
    yield evidence;
  }
}

function changePoint(series) {
  const n = BigInt(series.length);
  if (n < 2n || n > MOST_ENTRIES) return null;
  const [ones, zeros] = [true, false].map((bit) => BigInt(count(series, (each) => each === bit)));
  let [at, most, sum] = [0, 0n, 0n];
  for (const [i, evidence] of [...evidences(series)].entries()) {
    if (evidence > most) [at, most] = [i + 1, evidence];
    sum += evidence;
  }
  const whole = (n - 1n) * (n + 2n) * factorial(ones) * factorial(zeros);
  const millibits = round(log2(sum, whole), 1000n, 1n);
  return { at, millibits: String(millibits), detected: millibits >= DETECTED_MILLIBITS };
}

/** The metrics of an encoded trace, with lists of nodes to compare with. Throws Refusal malformed. */
export function measure(bytes, baselines) {
  const events = readTrace(bytes);
  const nodes = named(events, "entered").map((event) => event.get("node"));
  const rollbacks = repeats(nodes);
  const calls = named(events, "called");
  return {
    transition_entropy: transitionEntropy(nodes),
    rollback_density: share(count(rollbacks, Boolean), nodes.length),
    path_variance: pathVariance(nodes, baselines),
    invariant_violation_rate: share(count(events, isViolation), events.length),
    tool_churn: toolChurn(events),
    retry_rate: share(
      count(calls, (event) => event.get("attempt") > 1n),
      calls.length,
    ),
    usage: usageOf(events),
    change_point: changePoint(rollbacks),
  };
}
