// The queries of a flow: its state, its trace, the messages that it does not ignore, and its description.

import { LIMITS } from "../limits.js";
import { readStepObject } from "../wit/steps.js";
import { Core, inKeyOrder } from "./core.js";
import { openWait } from "./messages.js";
import { ErasedDocument, readValue } from "./documents.js";
import { compareNames, encodeValue, members } from "./values.js";

const TREES = ["cancel", "erase", "erased", "event", "fired", "replan", "result", "start"];
const WUT = JSON.stringify({
  messages: {
    ...Object.fromEntries(TREES.map((name) => [`flow.${name}`, { content: "tree" }])),
    receipt: { content: "blob" },
  },
  name: "flow",
  queries: Object.fromEntries(
    ["accepts", "state", "trace", "wut"].map((name) => [name, { args: "none", returns: "blob" }]),
  ),
  wut: 1,
});

/** The ids of the steps from the root of the chain to a step. Throws Refusal missing, invalid. */
export function chainOf({ read }, id) {
  const ids = [];
  for (let at = id; at !== null; at = readStepObject(read, at).previous) ids.push(at);
  return ids.reverse();
}

function logOf({ read }, core) {
  const [, id] = read(core).entries.find(([name]) => name === "state");
  const state = readValue(read(id), Number.POSITIVE_INFINITY);
  if (state === undefined) throw new ErasedDocument("the state of a step");
  return state.get("log");
}

/** Sort each maximal sequence of events with a sub. */
function sortSubs(events) {
  for (let at = 0; at < events.length; at += 1) {
    let end = at;
    while (end < events.length && events[end].has("sub")) end += 1;
    const sorted = events.slice(at, end).toSorted((a, b) => compareNames(a.get("sub"), b.get("sub")));
    for (const event of sorted) {
      events[at] = event;
      at += 1;
    }
  }
  return events;
}

/** The canonical trace at a step. Spec: flow.trace.exact. */
export function traceOf(workspace, step) {
  const events = [];
  let before = null;
  for (const id of chainOf(workspace, step.id)) {
    const { core } = readStepObject(workspace.read, id);
    if (core !== before)
      for (const event of logOf(workspace, core)) if (event.get("e") !== "ignored") events.push(event);
    before = core;
  }
  return sortSubs(events);
}

/** The elements for open calls, timers and waits. */
function* openElements(core) {
  const { visit } = core.state;
  const about = (key) => {
    const { node, sub } = core.place(key);
    return { node, sub, visit };
  };
  for (const key of core.tree("sent").keys()) {
    const peers = [core.tool(core.place(key).work.get("tool")).get("peer")];
    const attempts = core.state.flight.get(key).get("attempt");
    yield { mt: "flow.result", peers, ...about(key), attempts };
    yield { mt: "receipt", peers: core.single("agent"), ...about(key) };
  }
  for (const key of core.tree("timers").keys()) yield { mt: "flow.fired", peers: core.single("timer"), ...about(key) };
  const wait = openWait(core);
  if (wait === null) return;
  const event = wait.work.get("event");
  yield { mt: "flow.event", peers: core.several("events", event), ...about(wait.key), event };
}

function* elements(core) {
  const control = (name) => ({ mt: `flow.${name}`, peers: core.several("control", name) });
  const { erased } = core;
  if (core.state.status === "planned") yield { mt: "flow.start" };
  if (!core.isTerminal && core.state.status !== "planned") yield control("cancel");
  if ([...core.tree("refs").keys()].some((name) => !erased.has(name))) yield control("erase");
  if (erased.size > 0) yield { mt: "flow.erased", peers: core.single("eraser") };
  const isReplannable = core.isInterrupted && !core.entries.has("next");
  if (isReplannable && core.carried("replans") < core.maxReplans) yield control("replan");
  if (core.isOpen) yield* openElements(core);
}

const spelled = ({ mt, node = "", sub = "" }) => `${mt}\n${node}\n${sub}`; // "\n" is before every character of a name

function accepts(core) {
  core.requireDocuments();
  if (core.state.status === "rejected") return [];
  return [...elements(core)]
    .filter(({ peers }) => peers === undefined || peers.length > 0)
    .toSorted((a, b) => (spelled(a) < spelled(b) ? -1 : 1))
    .map((element) => members({ ...element, peers: element.peers && inKeyOrder(element.peers) }));
}

function writeValue(workspace, value) {
  return workspace.writeBlob(encodeValue(value, LIMITS.object_bytes), [["ct", "cbor"]]);
}

const loaded = (workspace, step) => new Core(workspace, step.actor, step.core, new Map(step.outbox)).load();

const QUERIES = new Map([
  ["state", (workspace, step) => new Map(workspace.read(step.core).entries).get("state")],
  ["trace", (workspace, step) => writeValue(workspace, traceOf(workspace, step))],
  ["accepts", (workspace, step) => writeValue(workspace, accepts(loaded(workspace, step)))],
  ["wut", (workspace) => workspace.writeBlob(Buffer.from(WUT), [["ct", "j"]])],
]);

/** The answer to a query of a step: an id, or null. Spec: flow.query.state, flow.query.wut, flow.query.accepts. */
export const answer = (workspace, step, name) => QUERIES.get(name)?.(workspace, step) ?? null;
