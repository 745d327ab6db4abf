// Handoff: an actor leaves a store, or comes to stand in another. Each half is one update of two references.

import { invalid, missing, rejected } from "../refusal.js";
import { AgentSteps, adoptedName, agentHead, goneName, headName, markName, movedName } from "../runtime/agent.js";
import { noteMail } from "../runtime/elsewhere.js";
import { View } from "../runtime/view.js";
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

/** The changes of the head of the store's agent, which notes what an adopted actor wrote elsewhere. Spec: wasm.handoff.agent. */
function noteMailOf(store, workspace, place) {
  const agent = store.backend.references.target("runtime/agent");
  if (agent === null || store.backend.references.target(headName(agent)) === null) return [];
  const step = readStep(workspace.read, place);
  if (!step.inbox.has(agent)) return [];
  const steps = new AgentSteps(workspace, agentHead(store, agent));
  noteMail(steps, agent, step);
  return steps.changes;
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
    workspace.commit([...changes, ...noteMailOf(store, workspace, moved)]);
    return moved;
  });
}
