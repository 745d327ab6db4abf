// Asks: the session runs the loop of a turn itself, by effects and their answers.
//
// Functions that send take `post`, with send(headers, {id} or {value}): the id of the message.

import { isUtf8 } from "node:buffer";
import { isTooLong } from "./forms.js";
import { members } from "./json.js";
import { applyResponse, checkResponse, readTurnRequest } from "./committing.js";
import { checkNextSize, writeTurn } from "./preparing.js";
import { Refused, TEXT_BYTES, refuseIf } from "./refused.js";
import { applyResult, checkResult, giveUp } from "./results.js";

const CONTINUE = "continue";

/** The request of the turn of an open ask. */
function requestOf({ ask, phase }) {
  return phase === "idle" ? ask.request : { kind: CONTINUE, forceJson: ask.request.forceJson };
}

/** Run `work`: what it gives, or {refused: Refused}. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refused) return { refused: error };
    throw error;
  }
}

function sendAnswered(post, { message, corr }, content) {
  post.send({ mt: "answered", reply: message, ...(corr === null ? {} : { corr }) }, content);
}

function fail(session, post, error) {
  const { ask } = session;
  giveUp(session);
  sendAnswered(post, ask, { value: members({ action: "failed", count: session.count, error }) });
}

function requestModel(session, post) {
  const { id, refused } = attempt(() => ({ id: writeTurn(session, requestOf(session)) }));
  if (refused !== undefined) fail(session, post, refused.message);
  else session.effects = new Map([["model", post.send({ mt: "effect.model" }, { id })]]);
}

/** Read an ask {id, content, headers}. Throws Refused. The reply has `after`, what happens after it. */
export function openAsk(session, { id, content, headers }) {
  const request = readTurnRequest(session.workspace.read(content));
  refuseIf(request.kind !== "user", "malformed", "request");
  refuseIf(isTooLong(request), "exhausted", "size");
  refuseIf(session.phase !== "idle" || session.ask !== null, "rejected", "phase");
  checkNextSize(session, request);
  session.ask = { message: id, requestId: content, request, corr: headers.get("corr") ?? null };
  session.change();
  return {
    mt: "asked",
    value: members({ count: session.count }),
    after: (post) => requestModel(session, post),
  };
}

/** Send what ends an ask that was abandoned. */
export const endAbandoned = (session, post, ask) =>
  sendAnswered(post, ask, { value: members({ action: "abandoned", count: session.count }) });

function sendEffects(session, post, calls) {
  const effects = calls.map((call) => {
    const id = call.get("id");
    const value = members({ call: id, input: call.get("input"), tool: call.get("tool") });
    return [id, post.send({ call: id, mt: "effect.tool" }, { value })];
  });
  session.effects = new Map(effects);
}

function tryAgain(session, post, error) {
  if (session.rounds >= session.config.max_rounds) {
    fail(session, post, error);
    return;
  }
  session.rounds += 1;
  session.change();
  requestModel(session, post);
}

function takeResponse(session, post, object) {
  const request = requestOf(session);
  const response = attempt(() => checkResponse(session, request, withType(object, "j")));
  if (response.refused !== undefined) tryAgain(session, post, response.refused.message);
  else if (response.action === "retry") tryAgain(session, post, "exhausted/rounds");
  else if (response.action === "call") {
    applyResponse(session, request, response);
    sendEffects(session, post, response.result.get("calls"));
  } else {
    const { ask } = session;
    Object.assign(session, { ask: null, effects: new Map() });
    applyResponse(session, request, response);
    sendAnswered(post, ask, { value: response.result });
  }
}

/** A blob without headers counts as one with a type. */
function withType(object, ct) {
  return object?.kind === "blob" && object.headers.length === 0 ? { ...object, headers: [["ct", ct]] } : object;
}

/** The text of a failure. */
function failureText(object) {
  const isText = object?.kind === "blob" && object.data.length <= TEXT_BYTES && isUtf8(object.data);
  return isText ? object.data.toString("utf8") : "";
}

function takeToolAnswer(session, post, call, object, isOk) {
  const { refused, ...result } = isOk ? attempt(() => checkResult(withType(object, "s"))) : {};
  const text = refused === undefined ? failureText(object) : refused.message;
  const isResult = isOk && refused === undefined;
  const isLast = applyResult(session, call, isResult ? result : { ct: "s", data: text }, isResult ? "1" : "0");
  session.effects.delete(call);
  if (isLast) requestModel(session, post);
}

/** Read an answer {content, headers}. Spec: session.ask.once. */
export function takeAnswer(session, post, { content, headers }) {
  const [name] = [...session.effects].find(([, id]) => id === headers.get("reply")) ?? [];
  if (name === undefined) return;
  const object = session.workspace.read(content);
  const isOk = headers.get("mt") === "effect.ok";
  if (name !== "model") takeToolAnswer(session, post, name, object, isOk);
  else if (isOk) takeResponse(session, post, object);
  else fail(session, post, failureText(object));
}
