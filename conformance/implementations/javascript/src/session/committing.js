// Responses of models, and the commits that put them into the history.

import { isUtf8 } from "node:buffer";
import { fits, hasHeaders, isDataType, isTooLong, readJsonBlob, readRequest, readRow } from "./forms.js";
import { members, parseJson, parseText, spell } from "./json.js";
import { checkPhase, condense, turnOf } from "./preparing.js";
import { DATA_BYTES, JSON_BYTES, refuseIf } from "./refused.js";

/** The response in a blob: {action, text, calls, error}. Throws Refused. Checks 12 to 15. */
function readResponse(object) {
  refuseIf(!hasHeaders(object, { ct: isDataType }), "malformed", "response");
  const { data } = object;
  refuseIf(data.length > DATA_BYTES, "exhausted", "size");
  if (object.headers[0][1] === "s") {
    refuseIf(!isUtf8(data), "malformed", "utf8");
    return { action: "final", text: data.toString("utf8"), calls: [], error: "" };
  }
  const row = readRow(parseJson(data));
  refuseIf(row === undefined, "malformed", "response");
  return row;
}

/** Spec: session.call.arguments. */
function checkCalls({ tools }, calls) {
  for (const call of calls) {
    const tool = tools.find((each) => each.get("name") === call.get("tool"));
    refuseIf(tool === undefined, "invalid", "tool");
    refuseIf(!fits(call.get("input"), tool), "invalid", "argument");
  }
}

function resultOf({ count }, { action, text, calls, error }) {
  const n = count + 1;
  if (action === "retry") return members({ action, count, error });
  if (action === "final") return members({ action, content: text, count: n });
  return members({
    action,
    calls: calls.map((call, i) => new Map([["id", `${n}.${i}`], ...withoutAction(call)])),
    count: n,
  });
}

const withoutAction = (call) => [...call].filter(([name]) => name !== "action");

/**
 * Check a response to a turn: the response and its `result`, a value. Throws Refused. Checks 12 to 20.
 * Spec: session-commit-order.
 */
export function checkResponse(session, request, object) {
  const response = readResponse(object);
  const { action, text, calls } = response;
  const mustBeJson = action === "final" && request.forceJson;
  refuseIf(mustBeJson && parseText(text) === undefined, "invalid", "not-json");
  checkCalls(session, calls);
  refuseIf(action === "call" && session.rounds >= session.config.max_rounds, "exhausted", "rounds");
  const result = resultOf(session, response);
  refuseIf(Buffer.byteLength(spell(result)) > JSON_BYTES, "exhausted", "size");
  return { ...response, result };
}

/** The change of a final response or one with calls. */
export function applyResponse(session, { kind, prompt }, { action, text, result }) {
  if (kind === "user") {
    condense(session);
    session.append(session.message({ ct: "s", role: "user" }, prompt));
  }
  session.results = new Map();
  session.change();
  if (action === "final") {
    session.append(session.message({ ct: "s", role: "assistant" }, text));
    Object.assign(session, { phase: "idle", rounds: 0 });
    return;
  }
  const calls = result.get("calls");
  session.append(session.message({ ct: "j", role: "assistant" }, spell(members({ calls }))));
  const named = calls.map((call) => [call.get("id"), { id: session.text(call.get("tool")), tool: call.get("tool") }]);
  Object.assign(session, { calls: new Map(named), phase: "calling", rounds: session.rounds + 1 });
}

function readContent(session, content) {
  const object = session.workspace.read(content);
  const entries = object?.kind === "tree" ? new Map(object.entries) : new Map();
  refuseIf(entries.size !== 2 || !entries.has("request") || !entries.has("response"), "malformed", "request");
  return [entries.get("request"), entries.get("response")];
}

/** The request of a turn in a blob. Throws Refused. */
export function readTurnRequest(object) {
  const request = readRequest(readJsonBlob(object));
  refuseIf(request === undefined, "malformed", "request");
  return request;
}

/**
 * Read a commit {content, headers}: {mt, content: id or value, replay}. Throws Refused.
 * Spec: session.commit.order, session.commit.base, session.commit.replay, session.commit.conflict.
 */
export function commit(session, { content, headers }) {
  const { workspace } = session;
  const turn = headers.get("turn");
  const [requestId, responseId] = readContent(session, content);
  const recorded = session.turns.get(turn);
  if (recorded !== undefined) {
    refuseIf(recorded.response !== responseId, "rejected", "conflict");
    return { mt: "committed", id: recorded.result, isReplay: true };
  }
  refuseIf(session.ask !== null, "rejected", "phase");
  const request = readTurnRequest(workspace.read(requestId));
  refuseIf(isTooLong(request), "exhausted", "size");
  checkPhase(session, request);
  refuseIf(turnOf(session, request) !== turn, "rejected", "stale");
  const response = checkResponse(session, request, workspace.read(responseId));
  const id = session.json(response.result);
  if (response.action !== "retry") {
    applyResponse(session, request, response);
    session.record(turn, responseId, id);
  }
  return { mt: "committed", id };
}
