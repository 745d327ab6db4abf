// One update of references: what changes, the steps of the agent, and the notices, which the agent sends to itself.

import { AgentSteps, agentHead, archivedName, headName } from "../../runtime/agent.js";
import { follow } from "../../wit/paths.js";
import { Workspace } from "../../wit/workspace.js";
import { members, spell } from "../json.js";

/** Make a JSON blob of the members of an object: its id. */
const writeJson = (workspace, object) => workspace.writeBlob(Buffer.from(spell(members(object))), [["ct", "j"]]);

/** Commits once, inside a group of the store. */
export class Update {
  #changes = [];
  #notices = []; // {at, mt, session, content}
  archived = []; // sessions

  constructor(store, agent, { workspace = new Workspace(store), requests }) {
    this.requests = requests;
    this.workspace = workspace;
    this.agent = agent;
    this.steps = new AgentSteps(workspace, agentHead(store, agent));
  }

  change(name, before, after) {
    this.#changes.push({ name, old: before, new: after });
  }

  /** Send a notice whose content is an object as JSON, or the id of an object. Spec: session.archive.event. */
  notify(at, mt, session, content) {
    const id = typeof content === "string" ? content : writeJson(this.workspace, content);
    this.#notices.push({ at, mt, session, content: id });
  }

  /** Archive a live session {session, head, touched}. Spec: session.archive.write-ahead. */
  archive(at, reason, { session, head, touched }) {
    const { id: step, core } = head;
    this.change(headName(session), step, null);
    this.change(archivedName(session), null, step);
    const root = this.rootOf(core);
    const info = writeJson(this.workspace, { at, reason, root, session, step, touched });
    const entries = Object.entries({ core, info });
    this.notify(at, "session_archived", session, this.workspace.write({ kind: "tree", entries }));
    this.requests.forget(session, step);
    this.archived.push(session);
  }

  /** The id at `session` in a core. */
  rootOf(core) {
    return follow(this.workspace.read, core, ["session"]);
  }

  /** Make a step of the agent that sends the notices so far, in this order, and changes other entries of its mailboxes. */
  sendNotices({ outbox = [], inbox = [] } = {}) {
    if (this.#notices.length === 0) return;
    let previous = this.steps.head.outbox.get(this.agent) ?? null;
    for (const { at, mt, session, content } of this.#notices.splice(0)) {
      const headers = Object.entries({ at: String(at), mt, session });
      previous = this.workspace.write({ kind: "message", previous, headers, content });
    }
    this.steps.advance({ outbox: [...outbox, [this.agent, previous]], inbox });
  }

  /** Send the notices, as sendNotices() does, and commit everything. */
  commit(boxes) {
    this.sendNotices(boxes);
    if (!this.workspace.commit([...this.#changes, ...this.steps.changes]))
      throw new Error("the references changed inside a group");
  }
}
