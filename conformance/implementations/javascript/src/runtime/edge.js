// The edge: mail from the outside and mail to it, effects among it. Every function here works on the heads of one moment,
// inside a group of the store.

import { invalid, missing, rejected } from "../refusal.js";
import { findRoot, typeOf } from "../wit/channels.js";
import { Workspace } from "../wit/workspace.js";
import { advanceAgent, agentHead, cutAgent, lastMessage, queueMessage } from "./agent.js";

const RECEIPT = "receipt";
const NOTICES = "session_"; // types of messages that only the host of sessions sends to the agent
const EFFECT = "effect.";

/** Check a message to an actor. Throws Refusal missing, invalid, rejected, exhausted. */
export function checkInjection(workspace, agent, { to, headers, content }) {
  if (workspace.kind(to) !== "tree") throw rejected("the receiver is no tree");
  if (!["blob", "tree"].includes(workspace.kind(content))) throw rejected("the content is no blob or tree");
  if (headers.some(([key, value]) => key === "mt" && value === RECEIPT))
    throw rejected("only the runtime sends receipts");
  if (to === agent && headers.some(([key, value]) => key === "mt" && value.startsWith(NOTICES)))
    throw rejected("only the host of sessions sends notices");
  workspace.checkClosure([
    [to, ["tree"]],
    [content, ["blob", "tree"]],
  ]);
}

// A signal has no previous, so in a chain it can only be the root.
function checkSignal(workspace, entry, message) {
  if (workspace.isNew(message)) return;
  if (findRoot(workspace.read, workspace.store.knowledge, entry) === message)
    throw rejected("it was sent and queued behind");
}

/**
 * Send a message from the agent: its id. Throws Refusal missing, invalid, rejected, exhausted.
 * Spec: runtime.agent.inject, runtime.agent.limits, runtime.receipt.reserved, session.notice.reserved.
 */
export function inject(store, agent, { to, headers, content, mode }) {
  const workspace = new Workspace(store);
  checkInjection(workspace, agent, { to, headers, content });
  const head = agentHead(store, agent);
  const entry = lastMessage(store, head, to);
  const previous = mode === "queue" ? entry : null;
  const message = workspace.write({ kind: "message", previous, headers, content });
  if (message === entry) return message;
  if (mode === "signal" && entry !== null) checkSignal(workspace, entry, message);
  workspace.commit([advanceAgent(workspace, head, { outbox: [[to, message]] })]);
  return message;
}

/** All mail to the agent, as [[sender, message id], ...]. Spec: runtime.agent.mail. */
export function listMail(view, agent) {
  const channels = view.mailTo(agent);
  const senders = [...channels.keys()].sort();
  return senders.flatMap((sender) =>
    channels
      .get(sender)
      .all(view.read)
      .map(({ id }) => [sender, id]),
  );
}

/** Let the agent make a step with changed mailboxes, and commit it. */
const commitStep = (workspace, head, boxes) => workspace.commit([advanceAgent(workspace, head, boxes)]);

/**
 * Acknowledge mail up to a message; `advance(workspace, head, boxes)` lets the agent make the step. Throws Refusal missing,
 * rejected. Spec: runtime.agent.mail.
 */
export function acknowledge(store, view, agent, { sender, message }, advance = commitStep) {
  const head = agentHead(store, agent);
  if (!view.heads.has(sender) && !head.inbox.has(sender)) throw missing("no actor of this id has sent a message");
  if (head.inbox.get(sender) === message) return;
  const channel = view.mailTo(agent).get(sender);
  if (channel === undefined || channel.numberOf(view.read, message) < 0) throw rejected("no such mail is unread");
  advance(new Workspace(store), head, { inbox: [[sender, message]] });
}

function checkReleased(view, agent, actor) {
  if (actor === agent) throw rejected("the agent cannot be released");
  const isUnread = view.mailTo(actor).has(agent) || view.mailTo(agent).has(actor);
  if (isUnread && !view.isAway(actor)) throw rejected("mail between the agent and the actor is unread", "busy");
}

/**
 * Drop the agent's entries for actors: those of which one was dropped, ascending. The cursor of an actor stays while its
 * head holds mail to the agent. Throws Refusal rejected. Spec: runtime.release.entries, runtime.release.refused.
 */
export function release(store, view, agent, actors) {
  for (const actor of actors) checkReleased(view, agent, actor);
  const head = agentHead(store, agent);
  const sent = actors.filter((actor) => head.outbox.has(actor));
  const read = actors.filter((actor) => head.inbox.has(actor) && view.sentTo(actor, agent) === null);
  const dropped = [...new Set([...sent, ...read])].sort();
  if (dropped.length === 0) return dropped;
  const workspace = new Workspace(store);
  const none = (list) => list.map((actor) => [actor, null]);
  workspace.commit([advanceAgent(workspace, head, { outbox: none(sent), inbox: none(read) })]);
  return dropped;
}

/** Begin the agent's chain again: its head. Throws Refusal rejected. Spec: runtime.cut.step, runtime.cut.unread. */
export function cut(store, view, agent) {
  const head = agentHead(store, agent);
  if (head.previous === null) return head.id;
  if (view.mailTo(agent).has(agent)) throw rejected("mail of the agent to itself is unread", "busy");
  const workspace = new Workspace(store);
  const change = cutAgent(workspace, head);
  workspace.commit([change]);
  return change.new;
}

/** The effects that wait at the edge, and which of them were answered while older mail of their sender was not. */
export class Effects {
  #answered = new Map(); // sender -> Set of message ids

  constructor(store, view, agent) {
    this.store = store;
    this.view = view;
    this.agent = agent;
  }

  *#open() {
    const channels = this.view.mailTo(this.agent);
    for (const sender of [...channels.keys()].sort()) {
      const unread = channels.get(sender).all(this.view.read);
      const answered = this.#answeredOf(sender, unread);
      for (const { id, message } of unread) {
        const type = typeOf(message);
        const isEffect = type.startsWith(EFFECT) && type.length > EFFECT.length && !answered.has(id);
        if (isEffect) yield { sender, id, message, kind: type.slice(EFFECT.length) };
      }
    }
  }

  // What is not unread any more need not be remembered, and is open again should it be sent again.
  #answeredOf(sender, unread) {
    const before = this.#answered.get(sender);
    if (before === undefined) return new Set();
    const answered = new Set(unread.map(({ id }) => id).filter((id) => before.has(id)));
    if (answered.size === 0) this.#answered.delete(sender);
    else this.#answered.set(sender, answered);
    return answered;
  }

  /** Mail of a sender was acknowledged. */
  forget(sender) {
    if (this.#answered.has(sender))
      this.#answeredOf(sender, this.view.mailTo(this.agent).get(sender)?.all(this.view.read) ?? []);
  }

  /** The open effects. Spec: runtime.effect.open. */
  list() {
    return [...this.#open()].map(({ sender, id, message, kind }) => {
      const content = this.view.read(message.content);
      const request = content?.kind === "blob" ? content.data.toString("base64url") : null;
      return { effect: `${sender}.${id}`, actor: sender, message: id, kind, request };
    });
  }

  /**
   * Answer one: `outcome` is {ok: Buffer} or {failed: text}; `advance` as of acknowledge(). Throws Refusal missing, invalid,
   * exhausted.
   * Spec: runtime.effect.linked, runtime.effect.limit.
   */
  resolve(effect, outcome, advance = commitStep) {
    const [sender, id] = effect.split(".");
    const isOpen = [...this.#open()].some((each) => each.sender === sender && each.id === id);
    if (!isOpen) throw missing("no such effect is open");
    if (outcome.failed?.isWellFormed() === false) throw invalid("a text with a lone surrogate has no UTF-8");
    const answered = new Set(this.#answered.get(sender)).add(id);
    const unread = this.view.mailTo(this.agent).get(sender).all(this.view.read);
    const end = unread.findIndex((each) => !answered.has(each.id));
    const over = unread.slice(0, end < 0 ? unread.length : end).at(-1);
    const inbox = over === undefined ? [] : [[sender, over.id]];
    this.#send(sender, id, outcome, (workspace, head, outbox) => advance(workspace, head, { outbox, inbox }));
    this.#answered.set(sender, answered);
  }

  #send(sender, id, outcome, advance) {
    const workspace = new Workspace(this.store);
    const head = agentHead(this.store, this.agent);
    const isOk = outcome.ok !== undefined;
    const content = isOk
      ? workspace.writeBlob(outcome.ok)
      : workspace.writeBlob(Buffer.from(outcome.failed), [["ct", "s"]]);
    const headers = [
      ["mt", isOk ? "effect.ok" : "effect.failed"],
      ["reply", id],
    ];
    const message = queueMessage(workspace, head, sender, headers, content);
    advance(workspace, head, [[sender, message]]);
  }
}
