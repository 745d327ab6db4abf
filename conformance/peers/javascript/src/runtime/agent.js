// The runtime actor: how it begins, and the steps that the runtime makes for it.

import { invalid, rejected } from "../refusal.js";
import { readStep, writeStep } from "../wit/steps.js";
import { Workspace } from "../wit/workspace.js";

const AGENT = "runtime/agent";
const NAME_BYTES = 255;

export const headName = (actor) => `heads/${actor}`;
export const markName = (actor) => `failed/${actor}`;
export const movedName = (actor) => `moved/${actor}`;

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
 * Find the agent of a store, or make it: its id. Throws Refusal invalid for what is no name, rejected for another agent
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
    if ((there === null) !== (head === null)) throw rejected("the store has an agent without a head, or a head without it");
    if (there !== null) return id;
    const changes = [{ name: headName(id), old: null, new: first }, { name: AGENT, old: null, new: id }];
    workspace.commit(changes);
    return id;
  });
}

/**
 * Make the next step of an agent, with some entries of its outbox and inbox changed, each [[actor, message], ...]. Gives
 * the change of its head. Spec: runtime.agent.steps.
 */
export function advanceAgent(workspace, head, { outbox = [], inbox = [] }) {
  const step = writeStep(workspace, {
    ...head,
    previous: head.id,
    inbox: new Map([...head.inbox, ...inbox]),
    outbox: new Map([...head.outbox, ...outbox]),
  });
  return { name: headName(head.actor), old: head.id, new: step };
}

/** Make a message that an agent queues for an actor: its id. */
export function queueMessage(workspace, head, to, headers, content) {
  return workspace.write({ kind: "message", previous: head.outbox.get(to) ?? null, headers, content });
}

/** The head of an agent as it is now. */
export function agentHead(store, agent) {
  const head = store.backend.references.target(headName(agent));
  if (head === null) throw new Error("the agent has lost its head");
  return readStep((id) => store.read(id), head);
}
