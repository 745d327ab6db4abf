// Condensing, and the turns that a session prepares.

import { encodeObject } from "../formats.js";
import { members, spell } from "./json.js";
import { lastOf, show, summarize } from "./messages.js";
import { JSON_BYTES, refuseIf } from "./refused.js";

/** The largest index of a message of the user before which the history may be condensed, or null. */
function findBoundary(session) {
  const { covered, history, config } = session;
  if (history - covered + 1 <= config.max_messages) return null;
  for (let index = history - config.keep; index > covered; index -= 1) if (session.role(index) === "user") return index;
  return null;
}

/**
 * What the history is after condensing: {covered, messages, summary: {version, text} or null}.
 * Spec: session.condense.conserve, session.condense.boundary.
 */
function condensed(session) {
  const { workspace, covered, messages, summary, config } = session;
  const end = findBoundary(session);
  if (end === null) return { covered, messages, summary };
  const gone = messages.slice(0, end - covered).map(workspace.read);
  const added = gone.filter((message) => message !== null).map(summarize);
  const text = lastOf([summary?.text ?? "", ...added].join(""), config.summary_chars);
  return {
    covered: end,
    messages: messages.slice(end - covered),
    summary: { version: (summary?.version ?? 0) + 1, text },
  };
}

/** Condense the history of a session. */
export function condense(session) {
  const { covered, messages, summary } = condensed(session);
  if (covered === session.covered) return;
  const headers = { covered: String(covered), ct: "s", version: String(summary.version) };
  const id = session.message(headers, summary.text);
  Object.assign(session, { covered, messages, summary: { ...summary, id } });
}

function describe(tool) {
  const params = tool.get("params").map((param) => `${param.get("name")}${param.get("required") ? "*" : ""}`);
  return `- \`${tool.get("name")}\` (${params.join(", ")}): ${tool.get("description")}`;
}

/** Spec: session.tools.block. */
function systemText({ config, tools }, { system }) {
  const hasBlock = tools.length > 0 && config.tool_text;
  const block = hasBlock ? ["Available tools (* = required param):", ...tools.map(describe)].join("\n") : "";
  return [system ?? config.system_prompt, block].filter((text) => text !== "").join("\n\n");
}

const said = (role, content) => members({ content, role });

/** The messages of a turn. Spec: session.prepare.order. */
function* messagesOf(session, request) {
  const { messages, summary } = request.kind === "user" ? condensed(session) : session;
  const system = systemText(session, request);
  if (system !== "") yield said("system", system);
  if (summary !== null) yield said("system", `Conversation summary v${summary.version}: ${summary.text}`);
  for (const id of messages) {
    const message = session.workspace.read(id);
    if (message !== null) yield show(message);
  }
  if (request.kind === "user") yield said("user", request.prompt);
}

/** The JSON of a prepared turn, in pieces. */
function* piecesOf(session, request, before) {
  const { actor, tools } = session;
  const { kind, forceJson } = request;
  const head = spell(members({ base: session.root(), count: before + 1, force_json: forceJson, kind }));
  yield `${head.slice(0, -1)},"messages":[`;
  let comma = "";
  for (const message of messagesOf(session, request)) {
    yield `${comma}${spell(message)}`;
    comma = ",";
  }
  yield `],${spell(members({ session: actor, tools })).slice(1)}`;
}

/** The JSON of a prepared turn. Throws Refused; what is too long is not built. Spec: session.prepare.bytes. */
function spellTurn(session, request, before = session.count) {
  const pieces = [];
  let size = 0;
  for (const piece of piecesOf(session, request, before)) {
    size += Buffer.byteLength(piece);
    refuseIf(size > JSON_BYTES, "exhausted", "size");
    pieces.push(piece);
  }
  return Buffer.from(pieces.join(""));
}

const turnBlob = (data) => ({ kind: "blob", headers: [["ct", "j"]], data });

/** Make the blob of a prepared turn: its id. Throws Refused. */
export const writeTurn = (session, request) => session.workspace.write(turnBlob(spellTurn(session, request)));

/** The id of a prepared turn, which is not stored. Throws Refused. */
export const turnOf = (session, request) =>
  encodeObject(session.workspace.format, turnBlob(spellTurn(session, request))).id;

/** Check that a turn is not too long if it is prepared after one more change. Throws Refused. */
export function checkNextSize(session, request) {
  spellTurn(session, request, session.count + 1); // a state root is as long as every other
}

/** Check that the phase permits a turn. Throws Refused. Spec: session.prepare.phase. */
export function checkPhase({ phase }, { kind }) {
  refuseIf(phase !== (kind === "user" ? "idle" : "ready"), "rejected", "phase");
}
