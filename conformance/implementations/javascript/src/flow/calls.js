// Calls: how attempts are dispatched, settled and made again. A place is {node, sub, key, work} (core.js).

import { Refusal } from "../refusal.js";
import { Documents } from "./core.js";
import { evaluate, parse } from "./expressions.js";
import { exceed, fail, failureOf, succeed } from "./leaving.js";
import { readTemplate, render } from "./templates.js";
import { digestOf, encodeValue, members, refsIn } from "./values.js";

const MOST_DELAY = 30_000n; // milliseconds

const PARSED = new WeakMap(); // node, sub or tool -> its expression or template: it is read once

function parsed(owner, read) {
  if (!PARSED.has(owner)) PARSED.set(owner, read(owner));
  return PARSED.get(owner);
}

/** What evaluating or rendering returns: {value}, or {error}: unbound, type or size. */
export function outcomeOf(work) {
  try {
    return { value: work() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    if (error.refusalClass === "exhausted") return { error: "size" };
    if (error.code === "unbound" || error.code === "type") return { error: error.code };
    throw error;
  }
}

/** The environment of some namespaces; each is read when it is used. Spec: flow.expr.no-shadowing. */
const environment = (namespaces) => ({ get: (name) => namespaces.get(name)?.() });

/** The namespaces of a program. */
const inProgram = (core, more = []) =>
  environment(
    new Map([
      ["input", () => core.value("input")],
      ["out", () => core.documents("out")],
      ["prior", () => core.documents("prior")],
      ...more,
    ]),
  );

/** The outputs of the subs on which a sub depends, each read when it is used. Spec: flow.par.depends. */
function dependencies(core, work) {
  const part = core.tree("part");
  return new Documents(core, new Map((work.get("depends_on") ?? []).map((name) => [name, part.get(name) ?? null])));
}

/** Render `output` of an end. */
export const renderOutput = (core, node) =>
  render(
    parsed(node, () => readTemplate(node.get("output"))),
    inProgram(core),
  );

/** Evaluate `if` of a branch. */
export const decide = (core, node) =>
  evaluate(
    parsed(node, () => parse(node.get("if"))),
    inProgram(core),
  );

function renderRequest(core, { node, sub, work }) {
  const env = inProgram(core, sub === undefined ? [] : [["dep", () => dependencies(core, work)]]);
  const args = render(
    parsed(work, () => readTemplate(work.get("args"))),
    env,
  );
  const request = members({ flow: 1n, node, sub, visit: core.state.visit, tool: work.get("tool"), args });
  encodeValue(request); // throws, if it is too long
  return request;
}

/** Why the policy denies some arguments, or null. Spec: flow.policy.refs, flow.policy.when, flow.erase.denied. */
function denial(core, tool, args) {
  const allowed = new Set(tool.get("refs"));
  let erased;
  for (const [name, value] of args) {
    const refs = [...refsIn(value)];
    if (refs.length === 0) continue;
    if (!allowed.has(name)) return "ref";
    erased ??= core.erased;
    if (refs.some((ref) => erased.has(ref))) return "erased";
  }
  return isAllowed(core, tool, args) ? null : "when";
}

function isAllowed(core, tool, args) {
  if (!tool.has("when")) return true;
  const namespaces = [
    ["input", () => core.value("input")],
    ["args", () => args],
    ["tool", () => core.documents("facts")],
  ];
  const when = parsed(tool, () => parse(tool.get("when")));
  return outcomeOf(() => evaluate(when, environment(new Map(namespaces)))).value === true;
}

/** The limit that an attempt would exceed, or undefined. */
function exceeded(core, cost, isStep) {
  const { calls, tokens, reserved, steps } = core.state;
  if (core.exceeds("calls", calls + 1n)) return "calls";
  if (core.exceeds("tokens", tokens + reserved + cost)) return "tokens";
  return isStep && core.exceeds("steps", steps + 1n) ? "steps" : undefined;
}

const costOf = (tool) => tool.get("cost") ?? 0n;

/** Start a timer. */
export function startTimer(core, { node, sub, key }, why, ms) {
  const { flight, visit } = core.state;
  const number = flight.get(key).get("attempt") ?? 1n;
  const packet = core.packet(members({ flow: 1n, node, sub, visit, attempt: number, ms, why }));
  core.send(core.peer(core.policy.get("timer")), "flow.timer", packet);
  core.put("timers", key, packet);
  core.log("timer", { node, sub, why, ms });
}

function send(core, place, request, number) {
  const { node, sub, key, work } = place;
  const [program, policy] = ["program", "policy"].map((name) => core.entries.get(name));
  const packet = core.packet(request, { program, policy });
  const headers = [["attempt", String(number)]];
  core.send(core.peer(core.tool(work.get("tool")).get("peer")), "flow.call", packet, headers);
  core.put("sent", key, packet);
  core.state.flight.set(key, members({ phase: "called", attempt: number }));
  core.log("called", { node, sub, tool: work.get("tool"), attempt: number, args: digestOf(request.get("args")) });
}

/** Dispatch an attempt of a call or a sub. Spec: flow.tmpl.dispatch, flow.policy.every-path. */
export function dispatch(core, place, number) {
  const { node, sub, work } = place;
  const { value: request, error } = outcomeOf(() => renderRequest(core, place));
  if (error !== undefined) return fail(core, place, failureOf(place, error));
  const tool = core.tool(work.get("tool"));
  const why = denial(core, tool, request.get("args"));
  if (why !== null) {
    core.log("denied", { node, sub, tool: work.get("tool"), why });
    return fail(core, place, failureOf(place, "denied", why));
  }
  const isStep = sub !== undefined && number === 1n;
  const limit = exceeded(core, costOf(tool), isStep);
  if (limit !== undefined) return exceed(core, place, limit);
  if (isStep) core.state.steps += 1n;
  core.state.calls += 1n;
  core.state.reserved += costOf(tool);
  send(core, place, request, number);
  if (work.has("timeout_ms")) startTimer(core, place, "timeout", work.get("timeout_ms"));
}

/** Settle an attempt. Spec: flow.budget.tokens, flow.call.recorded. */
function settle(core, { node, sub, key, work }, outcome, { number, usage, value }) {
  const { state } = core;
  const flight = state.flight.get(key);
  const cost = costOf(core.tool(work.get("tool")));
  if (flight.get("phase") !== "backoff") state.reserved -= cost;
  state.tokens += usage ?? cost;
  const settled = { attempt: number ?? flight.get("attempt"), outcome, usage: usage ?? cost };
  core.log("settled", { node, sub, ...settled, value: value === undefined ? undefined : digestOf(value) });
}

/** Spec: flow.retry.schedule. */
function tryAgain(core, place, failure) {
  const { flight, stop } = core.state;
  const number = flight.get(place.key).get("attempt");
  const retry = place.work.get("retry");
  if (stop !== undefined || retry === undefined || number >= retry.get("max_attempts"))
    return fail(core, place, failure);
  const delay = (retry.get("backoff_ms") ?? 0n) * 2n ** (number - 1n);
  if (delay === 0n) return dispatch(core, place, number + 1n);
  flight.set(place.key, members({ phase: "backoff", attempt: number }));
  startTimer(core, place, "backoff", delay < MOST_DELAY ? delay : MOST_DELAY);
}

/** The facts that some `when` reads. */
const hasFact = (core, tool) =>
  [...core.policy.get("tools").values()].some(
    (each) =>
      each.has("when") &&
      parsed(each, () => parse(each.get("when"))).vars.some(
        ([namespace, name]) => namespace === "tool" && name === tool,
      ),
  );

/** Spec: flow.result.one-of, flow.policy.facts, flow.result.first-wins. */
function takeValue(core, place, doc, refs) {
  const { work } = place;
  const value = doc.get("value");
  settle(core, place, "ok", { number: doc.get("attempt"), usage: doc.get("usage"), value });
  if (work.has("one_of") && !work.get("one_of").includes(value)) {
    return fail(core, place, failureOf(place, "not-allowed"));
  }
  core.accept(refs);
  if (hasFact(core, work.get("tool"))) core.put("facts", work.get("tool"), core.writeDocument(value));
  succeed(core, place, value);
}

function takeError(core, place, doc) {
  const error = doc.get("error");
  settle(core, place, "error", { number: doc.get("attempt"), usage: doc.get("usage") });
  const failure = failureOf(place, "tool", error.get("class"));
  (error.get("retry") ? tryAgain : fail)(core, place, failure);
}

function takePending(core, { node, sub, key }, doc) {
  const number = doc.get("attempt");
  core.log("pending", { node, sub, attempt: number });
  core.state.flight.set(key, members({ phase: "pending", attempt: number }));
  core.drop("timers", key);
}

const TAKE = { ok: takeValue, error: takeError, pending: takePending };

/** Carry out a result; `isBad` and `refs` are of its packet. Spec: flow.result.malformed. */
export function takeResult(core, place, { doc, isBad, refs }) {
  if (!isBad) return TAKE[doc.get("outcome")](core, place, doc, refs);
  settle(core, place, "bad", { number: doc.get("attempt") });
  fail(core, place, failureOf(place, "bad-result"));
}

/** phase -> the reason of the timer that is open then. */
const TIMERS = { called: "timeout", backoff: "backoff", waiting: "wait" };

/** Carry out a timer that has fired. Spec: flow.timeout.race. */
export function takeFired(core, place) {
  const { node, sub, key } = place;
  const why = TIMERS[core.state.flight.get(key).get("phase")];
  core.log("fired", { node, sub, why });
  core.drop("timers", key);
  if (why === "backoff") return dispatch(core, place, core.state.flight.get(key).get("attempt") + 1n);
  const failure = failureOf(place, "timeout");
  if (why === "wait") return fail(core, place, failure);
  settle(core, place, "timeout", {});
  tryAgain(core, place, failure);
}

/** Carry out the receipt for a call. Spec: flow.call.undeliverable. */
export function takeReceipt(core, place) {
  settle(core, place, "undeliverable", {});
  fail(core, place, failureOf(place, "undeliverable"));
}

/** Carry out the event of a wait. Spec: flow.wait.bound. */
export function takeEvent(core, place, { doc, refs }) {
  const value = doc.get("value");
  core.log("resumed", { node: place.node, event: doc.get("event"), value: digestOf(value) });
  core.accept(refs);
  succeed(core, place, value);
}
