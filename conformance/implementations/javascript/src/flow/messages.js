// What a flow reads: the packets, and for which reason a message is ignored.
//
// A message is {sender, headers: a Map, content}. A packet that was read has `doc`, the value of its document, the ids of
// its trees, and what else the message needs.

import { isIdText } from "../ids.js";
import { isBlob, isSealed, isTree, readNamed, readValue } from "./documents.js";
import { isAttempt, isErase, isErasing, isEvent, isResult } from "./forms.js";
import { refsIn } from "./values.js";
import { hasSuccessor } from "./successors.js";

/** The entries of a packet; undefined for a blob. */
function entriesOf({ read }, content) {
  const object = read(content);
  return isTree(object) ? new Map(object.entries) : undefined;
}

/**
 * Read a packet: {name: id or value}. `forms` has the form of each entry: "tree", "blob", or a function for the value of a
 * document. `refs` is a Map of ids. Undefined for a packet of another form.
 */
function readPacket(workspace, content, forms, hasRefs = false) {
  const entries = entriesOf(workspace, content);
  if (entries === undefined) return undefined;
  const packet = {};
  for (const [name, form] of Object.entries(forms)) {
    if (!entries.has(name)) return undefined;
    packet[name] = readEntry(workspace, entries.get(name), form);
  }
  if (hasRefs) packet.refs = entries.has("refs") ? readNamed(workspace, entries.get("refs"), isSealed) : new Map();
  const names = Object.keys(packet);
  const isExact = [...entries.keys()].every((name) => names.includes(name));
  return isExact && names.every((name) => packet[name] !== undefined) ? packet : undefined;
}

function readEntry({ read }, id, form) {
  const object = read(id);
  if (form === "tree") return isTree(object) ? id : undefined;
  if (form === "blob") return isBlob(object) ? id : undefined;
  const value = readValue(object);
  return value !== undefined && form(value) ? value : undefined;
}

/** A result: {request, doc, refs}, where `refs` is undefined for what is not a tree of sealed blobs. */
function readResult({ workspace }, { content }) {
  const entries = entriesOf(workspace, content);
  if (!entries?.has("request") || !entries.has("doc")) return undefined;
  const [request, doc] = [
    ["request", "tree"],
    ["doc", isAttempt],
  ].map(([name, form]) => readEntry(workspace, entries.get(name), form));
  if (request === undefined || doc === undefined) return undefined;
  const refs = entries.has("refs") ? readNamed(workspace, entries.get("refs"), isSealed) : new Map();
  return { request, doc, refs };
}

/** Whether the refs of a packet fit, and those in its value are known. Spec: flow.result.refs. */
function areKnown(core, { doc, refs }) {
  const known = core.tree("refs");
  const fit = [...refs].every(([name, id]) => (known.get(name) ?? id) === id);
  return fit && [...refsIn(doc.get("value"))].every((name) => known.has(name) || refs.has(name));
}

/** Spec: flow.result.malformed. */
function isBad(core, packet) {
  if (!isResult(packet.doc)) return true;
  return packet.doc.get("outcome") === "ok" && (packet.refs === undefined || !areKnown(core, packet));
}

const keyOf = (ids, wanted) => [...ids].find(([, id]) => id === wanted)?.[0];

/** The first reason [reason, whether it applies] that applies, or null. */
const firstOf = (...reasons) => reasons.find(([, applies]) => applies())?.[0] ?? null;

function ignoreResult(core, { sender }, packet) {
  const { doc } = packet;
  const key = keyOf(core.tree("sent"), packet.request);
  if (key === undefined) return "unknown-request";
  const place = core.place(key);
  const flight = core.state.flight.get(key);
  const [number, current] = [doc.get("attempt"), flight.get("attempt")];
  const isPast = number < current || flight.get("phase") === "backoff";
  Object.assign(packet, { place, isBad: isBad(core, packet) });
  return firstOf(
    ["wrong-sender", () => !core.isPeer(sender, [core.tool(place.work.get("tool")).get("peer")])],
    ["wrong-attempt", () => number === 0n || number > current],
    ["stale-attempt", () => isPast && (packet.isBad || doc.get("outcome") !== "ok")],
    ["already-pending", () => !packet.isBad && doc.get("outcome") === "pending" && flight.get("phase") === "pending"],
  );
}

function ignoreFired(core, { sender }, packet) {
  const key = keyOf(core.tree("timers"), packet.timer);
  if (key !== undefined) packet.place = core.place(key);
  return firstOf(
    ["wrong-sender", () => !core.isPeer(sender, core.single("timer"))],
    ["stale-timer", () => key === undefined],
  );
}

/** The open wait as a place, or null. */
export function openWait(core) {
  const { at } = core.state;
  return core.isOpen && core.node(at).get("kind") === "wait" ? core.place(at) : null;
}

function ignoreEvent(core, { sender }, packet) {
  const { doc, flow, program, policy } = packet;
  const place = openWait(core);
  if (place === null) return "not-waiting";
  packet.place = place;
  const event = place.work.get("event");
  const bound = [
    [flow, core.actor],
    [program, core.entries.get("program")],
    [policy, core.entries.get("policy")],
    [doc.get("node"), place.node],
    [doc.get("visit"), core.state.visit],
    [doc.get("event"), event],
  ];
  return firstOf(
    ["wrong-sender", () => !core.isPeer(sender, core.several("events", event))],
    ["wrong-binding", () => bound.some(([a, b]) => a !== b)],
    ["unknown-ref", () => !areKnown(core, packet)],
  );
}

const ignoreControl =
  (name, more = () => []) =>
  (core, { sender }, packet) =>
    firstOf(
      ["wrong-sender", () => !core.isPeer(sender, core.several("control", name))],
      ["wrong-binding", () => packet.flow !== core.actor],
      ...more(core, packet),
    );

const ofErase = (core, { doc }) => [
  ["unknown-ref", () => doc.get("refs").some((name) => !core.tree("refs").has(name))],
  ["erased-before", () => isWithin(doc.get("refs"), core.erased)],
];

const isWithin = (names, set) => names.every((name) => set.has(name));

const ofReplan = (core, packet) => [
  ["not-interrupted", () => !core.isInterrupted],
  ["already-continued", () => core.entries.has("next")],
  ["no-replans-left", () => core.carried("replans") >= core.maxReplans],
  ["rejected-plan", () => !hasSuccessor(core, packet)],
];

const ignoreStart = (core, { sender }, { flow }) =>
  firstOf(
    ["not-planned", () => core.state.status !== "planned"],
    ["wrong-sender", () => core.entries.get("from") !== sender],
    ["wrong-binding", () => flow !== core.actor],
  );

/** Read the packet of a `flow.erase` of this flow: its names; undefined for another tree. */
function namesOfErase(core, request) {
  const packet = readPacket(core.workspace, request, { doc: isErase, flow: "tree" }, true);
  if (packet === undefined || packet.flow !== core.actor) return undefined;
  const names = packet.doc.get("refs");
  const refs = core.tree("refs");
  const isExact = packet.refs.size === names.length && names.every((name) => packet.refs.get(name) === refs.get(name));
  return isExact && isWithin(names, core.erased) ? names : undefined;
}

function ignoreErased(core, { sender }, packet) {
  if (!core.isPeer(sender, core.single("eraser"))) return "wrong-sender";
  packet.names = namesOfErase(core, packet.request);
  return packet.names === undefined ? "unknown-request" : null;
}

/** The key of the open call for whose current attempt a message was sent; undefined if there is none. */
function calledBy(core, id) {
  const message = core.workspace.find(id);
  if (message?.kind !== "message") return undefined;
  const key = keyOf(core.tree("sent"), message.content);
  if (key === undefined) return undefined;
  const peer = core.peer(core.tool(core.place(key).work.get("tool")).get("peer"));
  const number = String(core.state.flight.get(key).get("attempt"));
  const isCall = ({ content, headers }) =>
    content === message.content && headers.some(([name, value]) => name === "attempt" && value === number);
  let sent = core.outbox.get(peer);
  while (sent !== id && !isCall(core.workspace.read(sent))) sent = core.workspace.read(sent).previous;
  return sent === id && isCall(message) ? key : undefined;
}

function ignoreReceipt(core, { sender }, packet) {
  if (!core.isPeer(sender, core.single("agent"))) return "wrong-sender";
  const key = calledBy(core, packet.reply);
  if (key === undefined) return "unknown-request";
  packet.place = core.place(key);
  return null;
}

function readReceipt(_, { headers }) {
  const reply = headers.get("reply");
  return reply !== undefined && isIdText(reply) ? { reply } : undefined;
}

const packetOf =
  (forms, hasRefs = false) =>
  ({ workspace }, { content }) =>
    readPacket(workspace, content, forms, hasRefs);

const OF_FLOW = { flow: "tree" };
const OF_EVENT = { doc: isEvent, ...OF_FLOW, program: "blob", policy: "tree" };

/** mt -> {read(core, message): the packet or undefined, ignore(core, message, packet): a reason or null}. */
const MESSAGES = new Map([
  ["flow.result", { read: readResult, ignore: ignoreResult }],
  ["flow.fired", { read: packetOf({ timer: "tree" }), ignore: ignoreFired }],
  ["flow.event", { read: packetOf(OF_EVENT, true), ignore: ignoreEvent }],
  ["flow.cancel", { read: packetOf(OF_FLOW), ignore: ignoreControl("cancel") }],
  ["flow.erase", { read: packetOf({ doc: isErasing, ...OF_FLOW }), ignore: ignoreControl("erase", ofErase) }],
  ["flow.erased", { read: packetOf({ request: "tree" }), ignore: ignoreErased }],
  ["flow.replan", { read: packetOf({ program: "blob", ...OF_FLOW }), ignore: ignoreControl("replan", ofReplan) }],
  ["flow.start", { read: packetOf(OF_FLOW), ignore: ignoreStart }],
  ["receipt", { read: readReceipt, ignore: ignoreReceipt }],
]);
const AFTER_END = new Set(["flow.erase", "flow.erased", "flow.replan"]);
const BEFORE_START = new Set(["flow.start", "flow.erase", "flow.erased"]);

/**
 * Read a message: {reason} if it is ignored, otherwise {packet}, which for messages to a call or a wait has its `place`.
 * Spec: flow.step.ignored.
 */
export function readMessage(core, mt, message) {
  const kind = MESSAGES.get(mt);
  if (kind === undefined) return { reason: "unknown-message" };
  const packet = kind.read(core, message);
  if (packet === undefined) return { reason: "malformed" };
  const { status } = core.state;
  if (status === "rejected" || (core.isTerminal && !AFTER_END.has(mt))) return { reason: "terminal" };
  if (status === "planned" && !BEFORE_START.has(mt)) return { reason: "planned" };
  const reason = kind.ignore(core, message, packet);
  return reason === null ? { packet } : { reason };
}
