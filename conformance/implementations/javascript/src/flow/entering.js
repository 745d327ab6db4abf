// How nodes are entered, and how subs of a parallel are called and joined.

import { decide, dispatch, outcomeOf, renderOutput, startTimer } from "./calls.js";
import { inKeyOrder } from "./core.js";
import { checkReport, fail, failureOf, finish, record, succeed } from "./leaving.js";
import { encodeValue, members } from "./values.js";

const MOST_NODES = 1000; // for one message

function open(core, node, visit, state = {}) {
  Object.assign(core.state, { at: node, visit, flight: new Map(), ...state });
}

function enterBranch(core, node, work) {
  const { value, error } = outcomeOf(() => decide(core, work));
  if (error !== undefined) return finish(core, "failed", { failure: failureOf({ node }, error) });
  core.pending = work.get(value ? "then" : "else");
  core.log("decided", { node, taken: core.pending });
  record(core, node, value);
}

function enterEnd(core, node, work) {
  const isSuccess = work.get("outcome") === "success";
  const status = isSuccess ? "succeeded" : "failed";
  const failure = isSuccess ? undefined : failureOf({ node }, "ended");
  const { value, error } = outcomeOf(() => {
    const output = work.has("output") ? renderOutput(core, work) : undefined;
    checkReport({ status, failure, output });
    return output;
  });
  if (error !== undefined) return finish(core, "failed", { failure: failureOf({ node }, error) });
  finish(core, status, { failure, output: value });
}

function enterWait(core, node, work, visit) {
  core.log("waiting", { node, event: work.get("event") });
  open(core, node, visit);
  core.state.flight.set(node, members({ phase: "waiting" }));
  if (work.has("timeout_ms")) startTimer(core, core.place(node), "wait", work.get("timeout_ms"));
}

const ENTER = {
  branch: enterBranch,
  end: enterEnd,
  wait: enterWait,
  call(core, node, work, visit) {
    open(core, node, visit);
    dispatch(core, core.place(node), 1n);
  },
  parallel: (core, node, work, visit) => open(core, node, visit, { done: new Map() }),
};

/** The status and the class of the failure with which the flow ends before a node, or null. Spec: flow.budget.moves. */
function endBefore(core, node) {
  const { idle, visits, steps } = core.state;
  if (core.moves >= MOST_NODES) return ["budget_exceeded", "moves"];
  if (idle >= core.least("max_stalled")) return ["stalled", "stalled"];
  if ((visits?.get(node) ?? 0n) >= core.least("max_visits")) return ["budget_exceeded", "visits"];
  return core.exceeds("steps", steps + 1n) ? ["budget_exceeded", "steps"] : null;
}

function enter(core, node) {
  const end = endBefore(core, node);
  if (end !== null) return finish(core, end[0], { failure: failureOf({ node }, end[1]) });
  const { state } = core;
  core.moves += 1;
  state.steps += 1n;
  state.visits?.set(node, (state.visits.get(node) ?? 0n) + 1n);
  const visit = state.visits?.get(node) ?? 1n;
  core.log("entered", { node, visit });
  const work = core.node(node);
  ENTER[work.get("kind")](core, node, work, visit);
}

/** The first sub that can be called, or undefined. Spec: flow.par.order. */
function nextSub({ flight, done, stop }, work) {
  if (stop !== undefined || BigInt(flight.size) >= (work.get("width") ?? 64n)) return undefined;
  const subs = work.get("calls");
  return inKeyOrder(subs.keys()).find(
    (sub) =>
      !flight.has(sub) && !done.has(sub) && (subs.get(sub).get("depends_on") ?? []).every((other) => done.has(other)),
  );
}

/** End a parallel of which no sub is open. Spec: flow.par.stop, flow.par.optional. */
function join(core, node, work) {
  const { stop } = core.state;
  if (stop?.has("budget")) {
    const failure = new Map([...stop].filter(([name]) => name !== "budget"));
    return finish(core, "budget_exceeded", { failure });
  }
  if (stop !== undefined) return fail(core, { node, work }, stop);
  const part = core.documents("part");
  const { value, error } = outcomeOf(() => {
    const output = new Map([...work.get("calls").keys()].map((sub) => [sub, part.has(sub) ? part.get(sub) : null]));
    encodeValue(output); // throws, if it is too long
    return output;
  });
  if (error !== undefined) return fail(core, { node, work }, failureOf({ node }, error));
  succeed(core, { node, work }, value);
}

/** Call the subs that can be called. Spec: flow.par.progress. */
function pump(core) {
  const { state } = core;
  const node = state.at;
  const work = core.node(node);
  for (let sub = nextSub(state, work); sub !== undefined; sub = nextSub(state, work))
    dispatch(core, core.place(sub), 1n);
  if (state.flight.size === 0) join(core, node, work);
}

/** Do everything that can be done without another message. Spec: flow.step.quiescent. */
export function advance(core) {
  for (let isMoving = true; isMoving; isMoving = core.pending !== null) {
    const { pending } = core;
    core.pending = null;
    if (pending !== null) enter(core, pending);
    if (core.pending === null && core.isParallel) pump(core);
  }
}

/** Begin with the first node. */
export function start(core) {
  const { entries } = core;
  const ids = { program: entries.get("program"), policy: core.policyDocument, input: entries.get("input") };
  const digests = Object.entries(ids).map(([name, id]) => [name, core.digestOf(id)]);
  core.log("admitted", Object.fromEntries(digests));
  core.state.status = "running";
  core.pending = core.program.get("start");
}
