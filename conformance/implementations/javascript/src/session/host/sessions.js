// The host of sessions: the requests of clients about the sessions of one runtime.
//
// Whatever a request changes is one update of references, made and judged inside one group of the store. What is kept in memory
// follows once that is done.

import { randomBytes } from "node:crypto";
import { exhausted, invalid, malformed, rejected } from "../../refusal.js";
import { adoptedName, archivedName, closedName, headName, lastMessage, markName } from "../../runtime/agent.js";
import { leadsTo, noteMail } from "../../runtime/elsewhere.js";
import { checkInjection, inject } from "../../runtime/edge.js";
import { askHead } from "../../runtime/run.js";
import { Workspace } from "../../wit/workspace.js";
import { isNatural } from "../forms.js";
import { parseJson } from "../json.js";
import { FirstSteps } from "./first-steps.js";
import { Residents } from "./residents.js";
import * as standing from "./standing.js";
import { Update } from "./update.js";

const DEFAULTS = Object.freeze({ max_live: 128, idle_ms: 300_000, lease_ms: 600_000 });
const NONCE_BYTES = 32;
const CODE = "external:session/1";
const USED = ["closed", "gone", "moved", "archived"];

/** Make the core of a session that says nothing: its id. Spec: session.open.plain-text. */
function writeDefaultCore(workspace, agent, nonce) {
  const tree = (entries) => workspace.write({ kind: "tree", entries: Object.entries(entries) });
  const code = workspace.writeBlob(Buffer.from(CODE), [["ct", "s"]]);
  const session = tree({ host: agent, nonce: workspace.writeBlob(nonce, [["ct", "b"]]) });
  return tree({ session, wit: code, wit_query: code });
}

export class Sessions {
  #worker;
  #residents;
  #firstSteps;
  #limits = DEFAULTS;

  constructor(worker) {
    this.#worker = worker;
    this.store = worker.store;
    this.agent = worker.agent;
    worker.look();
    this.#residents = new Residents(worker.view, worker.agent);
    this.#firstSteps = new FirstSteps(worker);
    worker.onTouched = (actor) => this.#residents.see(actor);
  }

  get #requests() {
    return this.#worker.restoreRequests;
  }

  limit(limits) {
    this.#limits = limits;
  }

  /** What first steps in progress need. */
  pins() {
    return this.#firstSteps.pins();
  }

  end() {
    this.#firstSteps.end();
  }

  /** Judge and carry out a request of some time: what `work(update)` returns. */
  #within(at, work, workspace = new Workspace(this.store)) {
    this.#requests.latest = Math.max(this.#requests.latest, at);
    const { value, archived } = this.#worker.within(() => {
      const update = new Update(this.store, this.agent, { workspace, requests: this.#requests });
      return { value: work(update), archived: update.archived };
    });
    this.#residents.forget(archived);
    return value;
  }

  /** As #within(), for a live session; `asks`: a request for an archived one sends a restore request. */
  #use({ at, session }, asks, work) {
    const { refusal, value } = this.#within(at, (update) => {
      const refused = standing.findRefusal(this.store.backend, session, USED);
      if (refused === null && this.#residents.find(session) === undefined) return { refusal: standing.noSession() };
      if (refused === null) return { value: work(update) };
      const due = asks ? this.#requests.due([session]) : [];
      this.#requests.announce(update, due, at);
      update.commit();
      this.#requests.note(due);
      return { refusal: refused };
    });
    if (refusal !== undefined) throw refusal; // out here, so that the restore request stays
    return value;
  }

  // ---- open, prepare, send

  /** A promise of {session, message}. Spec: session.open.whole. */
  async open({ at, core }) {
    this.#within(at, ({ workspace }) => this.#checkOpen(workspace, at, core));
    for (;;) {
      const made = await this.#firstSteps.make(at, core);
      const isOpen = this.#within(at, (update) => this.#adoptFirst(update, at, core, made), made.run.workspace);
      if (!isOpen) continue; // objects may be gone
      this.#residents.touch(core, at);
      return { session: core, message: made.message };
    }
  }

  /** The sessions that have to be archived for a new one. */
  #checkOpen(workspace, at, core) {
    const { backend } = this.store;
    checkInjection(workspace, this.agent, { to: core, headers: [], content: core });
    standing.checkSpaces(backend, core, [...USED, "heads"]);
    standing.checkHost(workspace.read, this.agent, core);
    const isBusy = backend.references.target(markName(core)) !== null || this.#hasMessage(core);
    if (isBusy) throw rejected("the actor has a mark or a message of the agent", "busy");
    return this.#victims(at);
  }

  #hasMessage(core) {
    return lastMessage(this.store, this.#worker.view.heads.get(this.agent), core) !== null;
  }

  #adoptFirst(update, at, core, { run, message, step }) {
    if (run.rewrites !== this.store.backend.foreignRewrites) return false;
    const victims = this.#checkOpen(update.workspace, at, core);
    update.steps.advance({ outbox: [[core, message]] });
    update.change(headName(core), null, step);
    const due = this.#requests.dueBy(update.workspace, null, step);
    this.#requests.announce(update, due, this.#requests.latest);
    for (const victim of victims) update.archive(at, "capacity_pressure", victim);
    update.sendNotices();
    const dueBehind = this.#requests.dueOf(update.workspace, victims, step);
    this.#requests.announce(update, dueBehind, this.#requests.latest);
    update.commit();
    this.#requests.note([...due, ...dueBehind]);
    return true;
  }

  /** Spec: session.capacity.victim, session.capacity.full. */
  #victims(at) {
    const needed = Math.max(0, this.#residents.count - this.#limits.max_live + 1);
    const idle = needed === 0 ? [] : this.#residents.archivable(at, this.#limits.lease_ms);
    if (idle.length < needed) throw exhausted("too many sessions are live and in use", "sessions");
    return idle.slice(0, needed);
  }

  /** A promise of {session, turn, prepared}. Spec: session.open.plain-text, session.prepare.tentative. */
  async prepare({ at, session, request, nonce = randomBytes(NONCE_BYTES) }) {
    if (session !== null) return this.#prepare(at, session, request);
    const workspace = new Workspace(this.store);
    const core = writeDefaultCore(workspace, this.agent, nonce);
    workspace.keep();
    await this.open({ at, core });
    return this.#prepare(at, core, request);
  }

  #prepare(at, session, request) {
    this.#use({ at, session }, true, () => {});
    const workspace = new Workspace(this.store); // which is not stored
    const query = { actor: session, name: "prepare", args: request };
    const { result } = askHead(this.#worker.view, workspace, query);
    const answer = result === null ? null : workspace.read(result);
    if (answer?.kind !== "blob") throw rejected("the session answers with no blob", "answer");
    this.#residents.touch(session, at);
    this.#residents.lease(session, at);
    return { session, turn: result, prepared: answer.data.toString("base64url") };
  }

  /** The id of the message. */
  send({ at, session, headers, content }) {
    const message = { to: session, headers, content, mode: "queue" };
    const sent = this.#use({ at, session }, true, () => inject(this.store, this.agent, message));
    this.#residents.touch(session, at);
    return sent;
  }

  // ---- archive

  /** The step. Spec: session.archive.quiet. */
  archive({ at, session }) {
    return this.#use({ at, session }, false, (update) => {
      const live = this.#residents.describe(session);
      if (!this.#residents.isQuiet(session, live.head)) throw rejected("the session is not quiet", "busy");
      const isLeased = this.#residents.isLeased(session, at, this.#limits.lease_ms);
      if (isLeased) throw rejected("a turn of the session is prepared", "leased");
      update.archive(at, "requested", live);
      update.commit();
      return live.head.id;
    });
  }

  /** The ids of the sessions that were archived. Spec: session.idle.strict. */
  sweep({ at }) {
    const { idle_ms: most, lease_ms: leaseMs } = this.#limits;
    return this.#within(at, (update) => {
      const all = most === 0 ? [] : this.#residents.archivable(at, leaseMs);
      const idle = all.filter(({ touched }) => at - touched > most);
      for (const each of idle) update.archive(at, "idle_timeout", each);
      update.commit();
      return idle.map(({ session }) => session);
    });
  }

  // ---- restore, close

  /** The step. Spec: session.restore.guard, session.restore.elsewhere. */
  restore({ at, session }) {
    const restored = this.#within(at, (update) => {
      const { target, step } = standing.restorablePlace(update.workspace, session, this.agent);
      this.#noteMail(update, step);
      const victims = this.#victims(at);
      update.change(archivedName(session), target, null);
      update.change(headName(session), null, step.id);
      for (const victim of victims) update.archive(at, "capacity_pressure", victim);
      const root = update.rootOf(step.core);
      update.notify(at, "session_restored", session, { at, root, session, source: "host", step: step.id });
      update.commit();
      return step.id;
    });
    this.#residents.touch(session, at);
    return restored;
  }

  /** Note mail of another store. Throws Refusal rejected. Spec: session.restore.elsewhere. */
  #noteMail(update, step) {
    const { workspace, steps } = update;
    const said = step.outbox.get(this.agent);
    const heard = steps.head.inbox.get(step.actor);
    const isLater = said !== undefined && heard !== undefined && said !== heard;
    if (isLater && leadsTo(workspace.read, heard, said))
      throw rejected("the agent has read mail that the session sends after this step", "mail");
    noteMail(steps, this.agent, step);
    if (steps.changes.length === 0) return;
    const name = adoptedName(step.actor);
    update.change(name, this.store.backend.references.target(name), step.id);
  }

  /** The step. Spec: session.close.final. */
  close({ at, session }) {
    return this.#within(at, (update) => {
      const { references } = this.store.backend;
      if (references.target(closedName(session)) !== null) return standing.closedStep(update.workspace, session);
      standing.checkSpaces(this.store.backend, session, ["gone", "moved"]);
      const head = references.target(headName(session));
      const { step, target } = head === null ? this.#closable(update, session) : this.#closableLive(session);
      update.change(headName(session), head, null);
      update.change(archivedName(session), references.target(archivedName(session)), null);
      update.change(closedName(session), null, target);
      update.notify(at, "session_closed", session, { at, session, step });
      const dropped = [[session, null]];
      update.commit({ outbox: dropped, inbox: dropped });
      return step;
    });
  }

  #closableLive(session) {
    const head = this.#residents.find(session);
    if (head === undefined) throw standing.noSession();
    if (!this.#residents.isQuiet(session, head)) throw rejected("the session is not quiet", "busy");
    return { step: head.id, target: head.id };
  }

  #closable({ workspace }, session) {
    const place = standing.archivedPlace(workspace, session);
    if (!place.isOutside) standing.checkHost(workspace.read, this.agent, workspace.read(place.step).core);
    return place;
  }

  /** Report how far a restore has come. Spec: session.restore.progress. */
  progress({ at, session, progress }) {
    const percent = this.#within(at, (update) => {
      const { backend } = this.store;
      standing.checkSpaces(backend, session, ["closed", "gone", "heads", "moved"]);
      if (backend.references.target(archivedName(session)) === null) throw standing.noSession();
      const least = this.#residents.progress(session);
      const reported = readPercent(progress, least);
      const content = update.workspace.writeBlob(progress, [["ct", "j"]]);
      update.notify(at, "session_restore_progress", session, content);
      update.commit();
      return reported;
    });
    this.#residents.setProgress(session, percent);
  }
}

/** The percent in the bytes of a progress; `least` if there is none. Throws Refusal malformed, invalid. */
function readPercent(bytes, least) {
  const value = parseJson(bytes);
  if (!(value instanceof Map)) throw malformed("the progress is not a JSON text of an object", "progress");
  if (!value.has("percent")) return least;
  const percent = value.get("percent");
  if (!isNatural(percent, least, 100)) throw invalid(`the percent is not ${least} to 100`, "percent");
  return percent.natural;
}
