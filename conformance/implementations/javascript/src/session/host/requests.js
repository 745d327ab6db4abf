// Restore requests: notices that an archived session is used, one for each time that it was archived as long as the runtime is
// started.

import { AWAY_SPACES, agentHead, archivedName } from "../../runtime/agent.js";
import { changedKeys } from "../../maps.js";
import { findUnread } from "../../wit/channels.js";
import { readStep } from "../../wit/steps.js";
import { isArchivedSession } from "./standing.js";

const NONE = new Map();
const REQUESTED = { message: "", percent: 0, stage: "requested" };

export class RestoreRequests {
  latest = 0; // the largest time of a request to this runtime
  #sent = new Map(); // session and target -> the last message of the agent to itself since which nothing was archived again
  #unsure = []; // the entries of these before a write that may still fail: [key, message or undefined]

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
      return isArchived && !this.#isSent(session, key) ? [{ session, key }] : [];
    });
  }

  /** Whether a request was sent since the session was archived, by whichever runtime. */
  #isSent(session, key) {
    const last = this.#sent.get(key);
    if (last === undefined) return false;
    const tip = this.#lastNotice();
    const { messages } = findUnread((id) => this.store.read(id), tip, last);
    const headers = messages.map(({ message }) => new Map(message.headers));
    if (headers.some((each) => each.get("mt") === "session_archived" && each.get("session") === session)) return false;
    this.#set(key, tip);
    return true;
  }

  #lastNotice() {
    return agentHead(this.store, this.agent).outbox.get(this.agent) ?? null;
  }

  #set(key, message) {
    this.#unsure.push([key, this.#sent.get(key)]);
    this.#sent.set(key, message);
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
    const due = keyed.filter(({ session }) => outbox.has(session));
    return due.sort((a, b) => (a.session < b.session ? -1 : 1));
  }

  /** Send them in an update, each in a step of the agent. Spec: session.restore.requested. */
  announce(update, due, at) {
    for (const { session } of due) {
      update.notify(at, "session_restore_requested", session, update.workspace.writeBlob(Buffer.alloc(0)));
      update.notify(at, "session_restore_progress", session, REQUESTED);
      update.sendNotices();
    }
  }

  /** They were committed. */
  note(due) {
    const last = due.length === 0 ? null : this.#lastNotice();
    for (const { key } of due) this.#set(key, last);
  }

  /** This runtime archives a session at a step: its next use is a reason to request it again. */
  forget(session, step) {
    const key = `${session}${step}`;
    this.#unsure.push([key, this.#sent.get(key)]);
    this.#sent.delete(key);
  }

  /** What was written is stored. */
  settle() {
    this.#unsure = [];
  }

  /** What was written since it was settled is lost. */
  undo() {
    for (const [key, message] of this.#unsure.splice(0).reverse())
      if (message === undefined) this.#sent.delete(key);
      else this.#sent.set(key, message);
  }
}
