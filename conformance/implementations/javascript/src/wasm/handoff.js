// Handoff: an actor leaves a store, or comes to stand in another. Each half is one update of two references.

import { invalid, missing, rejected } from "../refusal.js";
import { adoptedName, advanceAgent, agentHead, goneName, headName, markName, movedName } from "../runtime/agent.js";
import { View } from "../runtime/view.js";
import { findUnread } from "../wit/channels.js";
import { readStep } from "../wit/steps.js";
import { Workspace } from "../wit/workspace.js";

/** Whether mail to an actor, or mail of it to one that has a head, is unread. */
function hasMail(view, actor, { outbox }) {
  if (view.mailTo(actor).size > 0) return true;
  return [...outbox.keys()].some((to) => view.heads.has(to) && view.mailTo(to).has(actor));
}

/** The first half: the id of the step that it stands at. Throws Refusal missing, rejected. Spec: wasm.handoff.one-owner. */
export function release(store, actor) {
  return store.backend.group(() => {
    const { references } = store.backend;
    const head = references.target(headName(actor));
    if (head === null) throw missing("the actor has no head");
    if (references.target(movedName(actor)) !== null) throw rejected("the actor has been moved already");
    const view = new View(store);
    view.update();
    const isBusy = references.target(markName(actor)) !== null || hasMail(view, actor, view.heads.get(actor));
    if (isBusy) throw rejected("the actor is not at rest", "busy");
    store.commit(
      [],
      [
        { name: headName(actor), old: head, new: null },
        { name: movedName(actor), old: null, new: head },
      ],
    );
    return head;
  });
}

/** Whether a message is in the chain of another. */
const leadsTo = (read, tip, message) => !findUnread(read, tip, message).fresh;

/**
 * Let the agent of a store note what an adopted actor and an agent of the same id wrote to each other elsewhere: the
 * changes of its head. Throws Refusal rejected. Spec: wasm.handoff.agent.
 */
function noteMail(store, workspace, place) {
  const agent = store.backend.references.target("runtime/agent");
  if (agent === null || store.backend.references.target(headName(agent)) === null) return [];
  const { actor, inbox, outbox } = readStep(workspace.read, place);
  const [cursor, said] = [inbox.get(agent), outbox.get(agent)];
  if (cursor === undefined) return [];
  const before = agentHead(store, agent);
  const sent = before.outbox.get(actor);
  let head = before;
  const advance = (boxes) => {
    head = readStep(workspace.read, advanceAgent(workspace, head, boxes).new);
  };
  if (sent === undefined || leadsTo(workspace.read, cursor, sent)) {
    if (sent !== cursor) advance({ outbox: [[actor, cursor]] });
  } else if (!leadsTo(workspace.read, sent, cursor)) {
    throw rejected("what the actor read and what the agent sent are on two chains", "mail");
  }
  if (said !== undefined && head.inbox.get(actor) !== said) advance({ inbox: [[actor, said]] });
  return head === before ? [] : [{ name: headName(agent), old: before.id, new: head.id }];
}

/** The other half: the id of the step. Throws Refusal missing, invalid, rejected. Spec: wasm.handoff.one-owner. */
export function adopt(store, actor) {
  return store.backend.group(() => {
    const { references } = store.backend;
    const moved = references.target(movedName(actor));
    if (moved === null) throw missing("no such actor was moved here");
    const step = store.read(moved);
    if (step?.kind !== "step" || step.actor !== actor) throw invalid("what was moved is no step of the actor");
    if (references.target(headName(actor)) !== null) throw rejected("the actor has a head");
    if (references.target(goneName(actor)) !== null) throw rejected("the actor was collected here");
    const workspace = new Workspace(store);
    const changes = [
      { name: movedName(actor), old: moved, new: null },
      { name: headName(actor), old: null, new: moved },
      { name: adoptedName(actor), old: references.target(adoptedName(actor)), new: moved },
    ];
    workspace.commit([...changes, ...noteMail(store, workspace, moved)]);
    return moved;
  });
}
