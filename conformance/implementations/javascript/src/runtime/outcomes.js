// What follows from the outcome of a run, as in the table of states: a new head, a mark with its receipt, a delay, or
// nothing. All durable changes of one outcome are one update. Runs inside a group of the store, on an up-to-date view.

import { Refusal, exhausted } from "../refusal.js";
import { Update } from "../session/host/update.js";
import { refuseUpdate } from "../wit/transition.js";
import { Workspace } from "../wit/workspace.js";
import { AWAY_SPACES, advanceAgent, agentHead, headName, markName, queueMessage } from "./agent.js";

const MAX_DOUBLINGS = 64; // beyond them every delay is above every cap

/** Decides and commits for one runtime: {store, view, agent, clock, config, memoOf(actor)}. */
export class Outcomes {
  constructor(context) {
    Object.assign(this, context);
  }

  /**
   * Conclude a run: {made}, null for declined, or {failure}. Returns the id of the step that became the head, or null.
   * Throws Refusal exhausted if there is no room for the consequences; then nothing has changed.
   */
  conclude(run, { made, failure }) {
    if (this.#isStale(run)) return null;
    if (failure !== undefined) return this.#fail(run, failure);
    if (made !== null) return this.#adopt(run, run.workspace, made);
    const memo = this.memoOf(run.actor);
    if (memo.changes === run.changes) memo.decline(run.proposal.entries);
    return null;
  }

  /** Spec: runtime.head.cas, runtime.head.mark, runtime.fail.expected, runtime.away.expected. */
  #isStale({ actor, last, mark }) {
    const { backend } = this.store;
    if (backend.references.target(headName(actor)) !== (last?.id ?? null)) return true;
    if (AWAY_SPACES.some((space) => backend.references.target(`${space}/${actor}`) !== null)) return true;
    return backend.references.target(markName(actor)) !== mark;
  }

  /** Spec: runtime.head.cas, runtime.head.mark, runtime.fail.unmark. */
  #adopt({ actor, last, mark, proposal }, workspace, { step, isRefused }) {
    const changes = [
      { name: headName(actor), old: last?.id ?? null, new: step },
      { name: markName(actor), old: mark, new: isRefused ? mark : null },
    ];
    const due = this.restoreRequests.dueBy(workspace, last, step);
    if (due.length === 0) workspace.commit(changes);
    else this.#request(workspace, changes, due);
    this.memoOf(actor).forgetCounts(proposal.covered);
    return step;
  }

  #request(workspace, changes, due) {
    const update = new Update(this.store, this.agent, { workspace });
    for (const { name, old, new: target } of changes) update.change(name, old, target);
    this.restoreRequests.announce(update, due, this.restoreRequests.latest);
    update.commit();
    this.restoreRequests.note(due);
  }

  #fail(run, failure) {
    const { actor, proposal } = run;
    const memo = this.memoOf(actor);
    if (proposal.covered.length > 1) {
      memo.isolate(proposal);
      return null;
    }
    const [{ sender, id }] = proposal.covered;
    const count = memo.count(sender, id) + 1;
    if (count < this.config.max_attempts) {
      memo.setCount(sender, id, count, this.#nextAttempt(count));
      return null;
    }
    if (proposal.kind === "update") return this.#refuse(run);
    this.#mark(run, failure);
    memo.setCount(sender, id, count, 0n);
    return null;
  }

  /** Spec: runtime.retry.delay. */
  #nextAttempt(count) {
    const { base_ms: base, cap_ms: cap } = this.config;
    const delay = BigInt(base) << BigInt(Math.min(count - 1, MAX_DOUBLINGS));
    const least = delay < BigInt(cap) ? delay : BigInt(cap);
    return this.clock.after(least);
  }

  /** Spec: runtime.fail.update. */
  #refuse(run) {
    const workspace = new Workspace(this.store);
    return this.#adopt(run, workspace, refuseUpdate({ ...run, workspace }));
  }

  /** Spec: runtime.fail.mark, runtime.receipt.form, runtime.receipt.no-loop. */
  #mark({ actor, last, proposal }, failure) {
    const [{ sender, id }] = proposal.covered;
    const workspace = new Workspace(this.store);
    const mark = workspace.write({ kind: "mailbox", entries: [[sender, id]] });
    const head = last?.id ?? null;
    const changes = [
      { name: headName(actor), old: head, new: head },
      { name: markName(actor), old: null, new: mark },
    ];
    if (sender !== this.agent) changes.push(this.#receipt(workspace, sender, id, failure));
    workspace.commit(changes);
    this.memoOf(actor).parkedAs = { mark, failureClass: failure.failureClass };
  }

  #receipt(workspace, sender, id, { failureClass, cause }) {
    const head = agentHead(this.store, this.agent);
    const code = cause === null ? [] : [["code", cause]];
    const headers = [["mt", "receipt"], ["reply", id], ["class", failureClass], ...code];
    const message = queueMessage(workspace, head, sender, headers, workspace.writeBlob(Buffer.alloc(0)));
    return advanceAgent(workspace, head, { outbox: [[sender, message]] });
  }
}

/** Why the consequences of an outcome cannot be stored now: there is no room, or an object is damaged. Throws other errors again. */
export function asFull(error) {
  if (error instanceof Refusal) return exhausted(error.message);
  throw error;
}
