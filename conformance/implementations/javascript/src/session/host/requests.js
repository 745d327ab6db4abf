// Restore requests: notices that an archived session is used, one for each target of its reference as long as the runtime is
// started.

import { AWAY_SPACES, archivedName } from "../../runtime/agent.js";
import { changedKeys } from "../../maps.js";
import { readStep } from "../../wit/steps.js";
import { isArchivedSession } from "./standing.js";

const NONE = new Map();
const REQUESTED = { message: "", percent: 0, stage: "requested" };

export class RestoreRequests {
  latest = 0; // the largest time of a request to this runtime
  #sent = new Set(); // session and target
  #unsure = []; // of these, those in a write that may still fail

  constructor(store, view, agent) {
    Object.assign(this, { store, view, agent });
  }

  /** The restore requests that have to be sent if some actors are used: [{session, key}, ...]. */
  due(actors) {
    const { references } = this.store.backend;
    return actors.flatMap((session) => {
      const isArchived = AWAY_SPACES.every(
        (space) => (space === "archived") === (references.target(`${space}/${session}`) !== null),
      );
      const key = `${session}${references.target(archivedName(session))}`;
      return isArchived && !this.#sent.has(key) ? [{ session, key }] : [];
    });
  }

  /** As due(), for the sessions to which a step sends mail that the step before (or null) did not. */
  dueBy(workspace, last, step) {
    if (this.view.away.size === 0) return [];
    const { outbox } = readStep(workspace.read, step);
    const receivers = [...changedKeys(last?.outbox ?? NONE, outbox)].filter((to) => outbox.has(to)).sort();
    return this.due(receivers).filter(({ session }) => isArchivedSession(workspace, session, this.agent));
  }

  /** As dueBy(), for live sessions {session, head} that the update of a first step archives. */
  dueOf(workspace, victims, step) {
    const { outbox } = readStep(workspace.read, step);
    const keyed = victims.map(({ session, head }) => ({ session, key: `${session}${head.id}` }));
    const due = keyed.filter(({ session, key }) => outbox.has(session) && !this.#sent.has(key));
    return due.sort((a, b) => (a.session < b.session ? -1 : 1));
  }

  /** Send them in an update, each in a step of the agent. Spec: session.restore.request. */
  announce(update, due, at) {
    for (const { session } of due) {
      update.notify(at, "session_restore_requested", session, update.workspace.writeBlob(Buffer.alloc(0)));
      update.notify(at, "session_restore_progress", session, REQUESTED);
      update.sendNotices();
    }
  }

  /** They were committed. */
  note(due) {
    for (const { key } of due) {
      this.#sent.add(key);
      this.#unsure.push(key);
    }
  }

  /** What was written is stored. */
  settle() {
    this.#unsure = [];
  }

  /** What was written since it was settled is lost. */
  undo() {
    for (const key of this.#unsure.splice(0)) this.#sent.delete(key);
  }
}
