// How nodes and subs are left: by an output, by a failure, or by the end of the flow.
//
// A place is {node, sub, key, work} (core.js). The node that is entered next is put into `core.pending`.

import { encodeValue, members } from "./values.js";
import { inKeyOrder } from "./core.js";

/** A failure at a place. */
export const failureOf = ({ node, sub }, kind, why) => members({ class: kind, node, sub, why });

export const reportOf = ({ status, failure, output }) => members({ flow: 1n, status, failure, output });

function close(core) {
  if (!core.isOpen) return;
  for (const name of ["part", "sent", "timers"]) core.clear(name);
  Object.assign(core.state, { at: null, visit: undefined, flight: undefined, done: undefined, stop: undefined });
}

/** End the flow. Spec: flow.status.report. */
export function finish(core, status, { failure, output } = {}) {
  close(core);
  Object.assign(core.state, { reserved: 0n, status, failure, output });
  core.log("ended", { status });
  core.send(core.entries.get("starter"), "flow.report", core.packet(reportOf(core.state)));
}

function closeSub(core, { key }, isDone) {
  core.state.flight.delete(key);
  core.drop("sent", key);
  core.drop("timers", key);
  core.state.done.set(key, isDone);
}

/** Spec: flow.par.stop. */
function stop(core, failure) {
  const { flight } = core.state;
  core.state.stop = failure;
  const waiting = [...flight].filter(([, each]) => each.get("phase") === "backoff").map(([key]) => key);
  for (const key of inKeyOrder(waiting)) {
    const place = core.place(key);
    fail(core, place, failureOf(place, "stopped"));
  }
}

/** Set the output of a node. Spec: flow.budget.stalled. */
export function record(core, node, value) {
  const id = core.writeDocument(value);
  if (core.tree("out").get(node) === id) core.state.idle += 1n;
  else {
    core.put("out", node, id);
    core.state.idle = 0n;
  }
}

/** The output of a call, a sub, a wait or a parallel. */
export function succeed(core, place, value) {
  if (place.sub !== undefined) {
    closeSub(core, place, true);
    core.put("part", place.sub, core.writeDocument(value));
    return;
  }
  record(core, place.node, value);
  close(core);
  core.pending = place.work.get("next");
}

/** The failure of a call, a sub, a wait or a parallel. Spec: flow.step.exits, flow.par.optional. */
export function fail(core, place, failure) {
  const { node, sub, work } = place;
  if (sub !== undefined) closeSub(core, place, false);
  core.log("failed", { node, sub, failure: members({ class: failure.get("class"), why: failure.get("why") }) });
  if (sub !== undefined) {
    if (work.get("optional") !== true && core.state.stop === undefined) stop(core, failure);
    return;
  }
  core.state.idle += 1n;
  close(core);
  if (work.has("on_error")) core.pending = work.get("on_error");
  else finish(core, "failed", { failure });
}

/** A limit is reached before an attempt. Spec: flow.budget.calls, flow.budget.tokens, flow.budget.steps. */
export function exceed(core, place, kind) {
  const failure = failureOf(place, kind);
  if (place.sub === undefined) finish(core, "budget_exceeded", { failure });
  else {
    closeSub(core, place, false);
    stop(core, new Map([...failure, ["budget", true]]));
  }
}

/** Whether the report would be a value. */
export function checkReport(state) {
  encodeValue(reportOf(state));
}
