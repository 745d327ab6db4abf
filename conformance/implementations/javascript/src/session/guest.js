// The guest of sessions, external:session/1: a function of the step before and of the messages it covers.

import { failed } from "../wit/failure.js";
import { typeOf } from "../wit/channels.js";
import { follow } from "../wit/paths.js";
import { writeStep } from "../wit/steps.js";
import { endAbandoned, openAsk, takeAnswer } from "./asking.js";
import { commit } from "./committing.js";
import { isCall, isCorr, isIdText, isNumber, isOk, isTooLong, readRequest } from "./forms.js";
import { members, parseJson } from "./json.js";
import { isFirstCore } from "./loading.js";
import { checkPhase, writeTurn } from "./preparing.js";
import { Refused, refuseIf } from "./refused.js";
import { abandon, configure, takeResult } from "./results.js";
import { Session, findHost } from "./session.js";

const NODE = "external:session/1";
const PAUSE_MESSAGES = 64; // messages after which others get their turn

/** mt -> {headers: a form for each, run(session, request): the reply}. */
const REQUESTS = new Map([
  ["commit", { headers: { turn: isIdText }, run: commit }],
  ["tool-result", { headers: { call: isCall, ok: isOk }, run: takeResult }],
  ["abandon", { headers: {}, run: runAbandon }],
  ["configure", { headers: {}, run: configure }],
  ["ask", { headers: {}, run: openAsk }],
]);

function runAbandon(session) {
  const { ask } = session;
  const reply = abandon(session);
  return ask === null ? reply : { ...reply, after: (post) => endAbandoned(session, post, ask) };
}

/** The messages that a session sends to its host. */
class Post {
  constructor(session, host, outbox) {
    Object.assign(this, { session, host, outbox });
  }

  /** Send a message of which the content is {id} or {value}: its id. */
  send(headers, { id, value }) {
    const { session, host, outbox } = this;
    const sorted = Object.entries(headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const content = id ?? session.json(value);
    const message = { kind: "message", previous: outbox.get(host) ?? null, headers: sorted, content };
    const sent = session.workspace.write(message);
    outbox.set(host, sent);
    return sent;
  }

  /** Reply to a message {id, headers}. */
  reply({ id, headers }, { mt, isReplay = false, ...content }) {
    const copied = {};
    if (isNumber(headers.get("at") ?? "")) copied.at = headers.get("at");
    if (isCorr(headers.get("corr") ?? "")) copied.corr = headers.get("corr");
    this.send({ ...copied, mt, reply: id, ...(isReplay ? { replay: "1" } : {}) }, content);
  }
}

/** Spec: session.guest.headers. */
function checkHeaders(headers) {
  const kind = REQUESTS.get(headers.get("mt"));
  refuseIf(kind === undefined, "malformed", "header");
  for (const [key, form] of Object.entries({ at: isNumber, ...kind.headers }))
    refuseIf(!headers.has(key) || !form(headers.get(key)), "malformed", "header");
  refuseIf(headers.has("corr") && !isCorr(headers.get("corr")), "malformed", "header");
  return kind;
}

function runRequest(session, request) {
  try {
    refuseIf(session.isDamaged, "invalid", "state");
    return checkHeaders(request.headers).run(session, request);
  } catch (error) {
    if (error instanceof Refused) return { mt: "refused", value: error.value };
    throw error;
  }
}

/** Spec: session.reply.one, session.reply.batch. */
function readMessage(session, post, { id, message }) {
  const request = { id, content: message.content, headers: new Map(message.headers) };
  if (["effect.ok", "effect.failed"].includes(typeOf(message))) {
    if (!session.isDamaged) takeAnswer(session, post, request);
    return;
  }
  const reply = runRequest(session, request);
  post.reply(request, reply);
  reply.after?.(post);
}

function* readMessages(run) {
  const { workspace, actor, last, proposal } = run;
  const host = findHost(workspace, last.core);
  const [inbox, outbox] = [new Map(last.inbox), new Map(last.outbox)];
  const session = new Session(workspace, actor, last.core);
  const post = new Post(session, host, outbox);
  for (const [i, each] of proposal.covered.entries()) {
    if (each.sender === host) readMessage(session, post, each);
    inbox.set(each.sender, each.id);
    if (i % PAUSE_MESSAGES === PAUSE_MESSAGES - 1) yield { sleep: 0 };
  }
  return writeStep(workspace, { previous: last.id, actor, inbox, outbox, core: session.core() ?? last.core });
}

/** Spec: session.guest.genesis. */
function begin({ workspace, actor, proposal }) {
  if (!isFirstCore(workspace, new Map(workspace.read(actor).entries))) throw failed("not a first core of a session");
  const [{ sender, id, message }] = proposal.covered;
  const outbox = new Map();
  if (sender === findHost(workspace, actor)) {
    const session = new Session(workspace, actor, actor);
    const opened = { mt: "opened", value: members({ root: session.root() }) };
    new Post(session, sender, outbox).reply({ id, headers: new Map(message.headers) }, opened);
  }
  return writeStep(workspace, { previous: null, actor, inbox: new Map([[sender, id]]), outbox, core: actor });
}

/** Spec: session.guest.cleanup. */
function cleanUp({ workspace, last, proposal }) {
  const [{ sender, id }] = proposal.covered;
  return writeStep(workspace, { ...last, previous: null, inbox: new Map(last.inbox).set(sender, id) });
}

const BY_KIND = new Map([
  ["genesis", begin],
  ["cleanup", cleanUp],
  [
    "update",
    () => {
      throw failed("a session is not the code of an update"); // session.guest.no-update-code
    },
  ],
]);

/** Make the step of a run (wit/transition.js). */
export function* transitSession(run) {
  const work = BY_KIND.get(run.proposal.kind);
  return work === undefined ? yield* readMessages(run) : work(run);
}

function describe(session) {
  const { calls, count, covered, history, phase, rounds } = session;
  const open = session.waiting.map((id) => members({ id, tool: calls.get(id).tool }));
  return session.json(members({ calls: open, count, covered, history, phase, root: session.root(), rounds }));
}

function prepareFor(session, args) {
  const request = readRequest(parseJson(args));
  refuseIf(request === undefined, "malformed", "request");
  refuseIf(isTooLong(request), "exhausted", "size");
  checkPhase(session, request);
  return writeTurn(session, request);
}

const QUERIES = new Map([
  ["prepare", prepareFor],
  ["state", describe],
]);

/** Answer a query {workspace, step, name, args}: an id, or null. Spec: session.guest.exact. */
export function answerSession({ workspace, step, name, args }) {
  if (!QUERIES.has(name)) return null;
  const session = new Session(workspace, step.actor, step.core);
  try {
    refuseIf(session.isDamaged, "invalid", "state");
    return QUERIES.get(name)(session, args);
  } catch (error) {
    if (error instanceof Refused) return session.json(members({ refused: error.value }));
    throw error;
  }
}

/** Whether a core is that of a session, of which this is the code. */
function isSessionCore({ read }, core) {
  const node = follow(read, core, ["wit"]);
  const object = node === null ? null : read(node);
  return object?.kind === "blob" && object.data.toString("latin1") === NODE;
}

/** Whether a sender may update the actor of a step, as far as this profile decides. Spec: session.guest.update. */
export function mayUpdateSession(workspace, last, sender, content) {
  if (!isSessionCore(workspace, last.core)) return true;
  return sender === findHost(workspace, last.core) && follow(workspace.read, content, ["wit_update"]) === null;
}

/** Whether a merged core has the session that the core before has. Spec: session.guest.update. */
export function keepsSession(workspace, before, after) {
  if (!isSessionCore(workspace, before)) return true;
  return ["session", "effects"].every(
    (name) => follow(workspace.read, before, [name]) === follow(workspace.read, after, [name]),
  );
}
