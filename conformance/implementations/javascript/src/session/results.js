// Tool results, abandon and configure.

import { isUtf8 } from "node:buffer";
import { hasHeaders, isDataType, readConfig, readJsonBlob, readTools } from "./forms.js";
import { members, parseJson } from "./json.js";
import { DATA_BYTES, refuseIf } from "./refused.js";

/** Check the blob of a result: {ct, data}. Throws Refused. Checks 3 to 5. Spec: session.result.form. */
export function checkResult(object) {
  refuseIf(!hasHeaders(object, { ct: isDataType }), "malformed", "result");
  const { data } = object;
  refuseIf(data.length > DATA_BYTES, "exhausted", "size");
  const ct = object.headers[0][1];
  refuseIf(ct === "s" ? !isUtf8(data) : parseJson(data) === undefined, "malformed", "result");
  return { ct, data };
}

function putResult(session, call, { ct, data }, ok) {
  const { tool } = session.calls.get(call);
  session.results.set(call, session.message({ call, ct, ok, role: "tool", tool }, data));
}

/** The change of a result; whether it was the last one of the round. */
export function applyResult(session, call, result, ok) {
  putResult(session, call, result, ok);
  session.change();
  if (session.waiting.length > 0) return false;
  session.closeRound();
  session.phase = "ready";
  return true;
}

function isSame(object, { ct, data }, ok) {
  if (object?.kind !== "blob") return false;
  const headers = new Map(object.headers);
  return headers.get("ok") === ok && headers.get("ct") === ct && object.data.equals(data);
}

/** Read a tool result. Throws Refused. Spec: session.result.once. */
export function takeResult(session, { content, headers }) {
  const [call, ok] = [headers.get("call"), headers.get("ok")];
  const result = checkResult(session.workspace.read(content));
  refuseIf(session.ask !== null, "rejected", "phase");
  const reply = { mt: "recorded", value: members({ call }) };
  if (session.results.has(call)) {
    const object = session.workspace.read(session.results.get(call));
    refuseIf(!isSame(object, result, ok), "rejected", "conflict");
    return { ...reply, isReplay: true };
  }
  refuseIf(!session.calls.has(call), "missing", "call");
  applyResult(session, call, result, ok);
  return reply;
}

/** The change that gives a turn up. Spec: session-abandon. */
export function giveUp(session) {
  for (const call of session.waiting) putResult(session, call, { ct: "s", data: "abandoned" }, "0");
  session.closeRound();
  Object.assign(session, { results: new Map(), ask: null, effects: new Map(), phase: "idle", rounds: 0 });
  session.change();
}

/** Read an abandon. Throws Refused. Spec: session.abandon.closes. */
export function abandon(session) {
  refuseIf(session.phase === "idle" && session.ask === null, "rejected", "phase");
  giveUp(session);
  return { mt: "abandoned", value: members({ count: session.count }) };
}

const SETTINGS = new Map([
  ["config", { read: readConfig, none: readConfig(new Map()), isNone: (value) => value.size === 0 }],
  ["tools", { read: readTools, none: [], isNone: (value) => value.length === 0 }],
]);

/** A setting in a blob, as arguments of Session.configure(). Throws Refused. */
function readSetting(session, name, id) {
  const { read, none, isNone } = SETTINGS.get(name);
  const value = readJsonBlob(session.workspace.read(id));
  const setting = read(value);
  refuseIf(setting === undefined, "invalid", name);
  return isNone(value) ? [name, null, none] : [name, id, setting];
}

/** Read a configure. Throws Refused. Spec: session.tools.replace. */
export function configure(session, { content }) {
  const object = session.workspace.read(content);
  const entries = object?.kind === "tree" ? new Map(object.entries) : null;
  refuseIf(entries === null || [...entries.keys()].some((name) => !SETTINGS.has(name)), "malformed", "request");
  refuseIf(session.phase !== "idle" || session.ask !== null, "rejected", "phase");
  const present = [...SETTINGS.keys()].filter((name) => entries.has(name)); // config first
  const settings = present.map((name) => readSetting(session, name, entries.get(name)));
  for (const setting of settings) session.configure(...setting);
  session.change();
  return { mt: "configured", value: members({ count: session.count }) };
}
