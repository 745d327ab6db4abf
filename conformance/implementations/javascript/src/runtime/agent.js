// The runtime actor: how it begins, and the steps that the runtime makes for it.

import { invalid, rejected } from "../refusal.js";
import { readStep, writeStep } from "../wit/steps.js";
import { Workspace } from "../wit/workspace.js";

const AGENT = "runtime/agent";
const NAME_BYTES = 255;

export const headName = (actor) => `heads/${actor}`;
export const markName = (actor) => `failed/${actor}`;
export const movedName = (actor) => `moved/${actor}`;
export const adoptedName = (actor) => `adopted/${actor}`;
export const goneName = (actor) => `gone/${actor}`;
export const archivedName = (actor) => `archived/${actor}`;
export const closedName = (actor) => `closed/${actor}`;

/** The spaces whose references mean that an actor makes no step in this store. Spec: runtime.away.still. */
export const AWAY_SPACES = ["archived", "closed", "gone", "moved"];

/** Make the objects of an agent: {id, first: its first step}. */
function writeAgent(workspace, name) {
  const id = workspace.write({ kind: "tree", entries: [["name", workspace.writeBlob(name, [["ct", "s"]])]] });
  const genesis = workspace.write({ kind: "message", previous: null, headers: [["mt", "genesis"]], content: id });
  const fields = { previous: null, actor: id, inbox: new Map([[id, genesis]]), outbox: new Map(), core: id };
  return { id, first: writeStep(workspace, fields) };
}

function checkName(text) {
  const name = Buffer.from(text, "utf8");
  const isName = text.isWellFormed() && name.length >= 1 && name.length <= NAME_BYTES;
  if (!isName) throw invalid(`the name of an agent has 1 to ${NAME_BYTES} bytes of UTF-8`);
  return name;
}

/**
 * Find the agent of a store, or make it: its id. Throws Refusal invalid for an invalid name, rejected for another agent
 * (code agent) or half of one. Spec: runtime.agent.bootstrap, runtime.agent.name.
 */
export function ensureAgent(store, text) {
  const name = checkName(text);
  return store.backend.group(() => {
    const workspace = new Workspace(store);
    const { id, first } = writeAgent(workspace, name);
    const { references } = store.backend;
    const there = references.target(AGENT);
    const head = references.target(headName(id));
    if (there !== null && there !== id) throw rejected("the store belongs to another agent", "agent");
    if ((there === null) !== (head === null))
      throw rejected("the store has an agent without a head, or a head without it");
    if (there !== null) return id;
    const changes = [
      { name: headName(id), old: null, new: first },
      { name: AGENT, old: null, new: id },
    ];
    workspace.commit(changes);
    return id;
  });
}

/** Entries with some of them changed, each [actor, message]; null removes an entry. */
function changedEntries(entries, changes) {
  const merged = new Map([...entries, ...changes]);
  for (const [actor, message] of changes) if (message === null) merged.delete(actor);
  return merged;
}

/**
 * Make the next step of an agent, with some entries of its outbox and inbox changed, each [[actor, message], ...]; null
 * removes an entry. Gives the change of its head. Spec: runtime.agent.changes.
 */
export function advanceAgent(workspace, head, { outbox = [], inbox = [], previous = head.id }) {
  const step = writeStep(workspace, {
    ...head,
    previous,
    inbox: changedEntries(head.inbox, inbox),
    outbox: changedEntries(head.outbox, outbox),
  });
  return { name: headName(head.actor), old: head.id, new: step };
}

/** The steps that an agent makes in one update. */
export class AgentSteps {
  #before;

  constructor(workspace, head) {
    this.workspace = workspace;
    this.head = head;
    this.#before = head;
  }

  /** Make one more step, as advanceAgent() does. */
  advance(boxes) {
    this.head = readStep(this.workspace.read, advanceAgent(this.workspace, this.head, boxes).new);
  }

  /** The changes of references. */
  get changes() {
    const { id, actor } = this.#before;
    return this.head.id === id ? [] : [{ name: headName(actor), old: id, new: this.head.id }];
  }
}

/**
 * Make the step that begins a new chain of an agent: the change of its head. The note names the step before as text, so
 * that nothing of the old chain is reached. Spec: runtime.cut.step.
 */
export function cutAgent(workspace, head) {
  const headers = [
    ["cut", head.id],
    ["mt", "cleanup"],
  ];
  const note = workspace.write({
    kind: "message",
    previous: null,
    headers,
    content: workspace.writeBlob(Buffer.alloc(0)),
  });
  return advanceAgent(workspace, head, { inbox: [[head.actor, note]], outbox: [[head.actor, null]], previous: null });
}

/**
 * The message after which an agent's next message to an actor is queued, or null: the entry, or the last one that the actor read.
 * Spec: runtime.release.resume.
 */
export function lastMessage(store, head, to) {
  const entry = head.outbox.get(to) ?? null;
  if (entry !== null || to === head.actor) return entry;
  const { references } = store.backend;
  for (const name of [headName(to), ...AWAY_SPACES.map((space) => `${space}/${to}`)]) {
    const place = references.target(name);
    if (place === null || store.read(place)?.kind !== "step") continue;
    const step = readStep((id) => store.read(id), place);
    if (step.actor === to) return step.inbox.get(head.actor) ?? null;
  }
  return null;
}

/** Make a message that an agent queues for an actor: its id. */
export function queueMessage(workspace, head, to, headers, content) {
  const previous = lastMessage(workspace.store, head, to);
  return workspace.write({ kind: "message", previous, headers, content });
}

/** The head of an agent as it is now. */
export function agentHead(store, agent) {
  const head = store.backend.references.target(headName(agent));
  if (head === null) throw new Error("the agent has lost its head");
  return readStep((id) => store.read(id), head);
}
