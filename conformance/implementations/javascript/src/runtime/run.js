// Runs: one transition of one actor with one proposal, from its head of that time to its outcome.

import { missing } from "../refusal.js";
import { TimeLimit } from "../wit/drive.js";
import { timedOut } from "../wit/failure.js";
import { askStep } from "../wit/queries.js";
import { transit } from "../wit/transition.js";
import { Workspace } from "../wit/workspace.js";

/** Ask the head of an actor, for the code of a run or for the outside. Throws Refusal as runtime.query is refused. */
export function askHead(view, workspace, { actor, name, args, ms }) {
  const head = view.heads.get(actor);
  if (head === undefined) throw missing("the actor has no head");
  const result = askStep(workspace, head.id, name, args, ms);
  if (result !== null) workspace.borrowed.add(result); // the queried actor may move on, and the next prune would remove this
  return { step: head.id, result };
}

export class Run {
  #limit;
  #transition;
  #timer = null;
  #isTimeOver = false;
  isAbandoned = false;

  constructor(store, view, actor, proposal, memo, transitionMs) {
    this.actor = actor;
    this.proposal = proposal;
    this.last = view.heads.get(actor) ?? null;
    this.mark = view.marks.get(actor) ?? null;
    this.workspace = new Workspace(store);
    this.attempt = memo.attempt(proposal.covered);
    this.changes = memo.changes; // as they were when it began
    this.rewrites = store.backend.foreignRewrites;
    this.ask = (workspace, actor, name, args) =>
      askHead(view, workspace, { actor, name, args, ms: this.#limit.left }).result;
    this.#limit = new TimeLimit(transitionMs);
    this.#transition = transit(this);
  }

  /**
   * Go on until it sleeps or ends. Gives {made} (null: declined) at the end, else null after having arranged that
   * `wake(this)` is called in time. `takesTime` false: it never sleeps. Throws Failure.
   */
  goOn(takesTime, wake) {
    this.#timer = null;
    try {
      return this.#goOn(takesTime, wake);
    } catch (error) {
      this.#transition.return(); // ends what it still does
      throw error;
    }
  }

  #goOn(takesTime, wake) {
    if (this.#isTimeOver) throw timedOut("it still slept at the end of its time");
    for (;;) {
      const { value, done } = this.#limit.goOn(this.#transition);
      this.#limit.check();
      if (done) return { made: value };
      if (!takesTime) continue;
      const { granted, isOver } = this.#limit.grant(value.sleep);
      this.#isTimeOver = isOver;
      this.#timer = setTimeout(() => wake(this), granted);
      return null;
    }
  }

  /** Give it up: as if it had not been. Spec: runtime.run.cancel. */
  abandon() {
    this.isAbandoned = true;
    clearTimeout(this.#timer);
    this.#transition.return();
  }

  /** The ids that a prune has to keep with their closures for it. Spec: runtime.prune.running. */
  get pins() {
    const begun = this.last === null ? [] : [this.last.id];
    const needed = [...begun, ...this.proposal.covered.map(({ id }) => id), ...this.workspace.borrowed];
    return needed.filter((id) => !this.workspace.isNew(id));
  }
}
