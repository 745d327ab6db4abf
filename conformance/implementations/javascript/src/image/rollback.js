// A rollback: the messages that return the cores of all actors to those of an earlier world.

import { WorkingCore } from "../wit/core.js";
import { readStep } from "../wit/steps.js";
import { idAt, isPrincipal } from "./cores.js";
import { MOST } from "./forms.js";

const PREFIX = "heads/";
const MOST_ROOTS = 1000;
const FUEL = MOST; // which no rollback can use

/** The core of an earlier world with the timers that its actor has now: its id. */
function withTimers(workspace, core, now) {
  const timers = idAt(workspace.read, now, ["image", "timers"]);
  if (timers === idAt(workspace.read, core, ["image", "timers"])) return core;
  const working = new WorkingCore(workspace, core);
  if (timers === null) working.delete(["image", "timers"]);
  else working.put(["image", "timers"], timers);
  return working.id();
}

export class Rollback {
  most = MOST_ROOTS;
  fuel = FUEL;

  /** `world` is that of worldAt(). */
  constructor({ view, agent, kernel }, workspace, world) {
    Object.assign(this, { view, workspace, seq: world.seq });
    const isActor = (actor) => actor !== agent && actor !== kernel;
    const heads = world.refs.filter(([name]) => name.startsWith(PREFIX));
    this.earlier = new Map(heads.map(([name, target]) => [name.slice(PREFIX.length), target]));
    this.present = [...view.heads.keys()].filter(isActor).sort();
  }

  #message(mt, to, content) {
    const headers = Object.entries({ mt, world: String(this.seq) });
    return { to, headers, content };
  }

  /** The message that returns an actor to its core, or null if that would not change. */
  #revert(actor) {
    const { workspace, view } = this;
    const now = view.heads.get(actor);
    if (this.earlier.get(actor) === now.id) return null;
    const { core } = readStep(workspace.read, this.earlier.get(actor));
    if (core === now.core || withTimers(workspace, core, now.core) === now.core) return null;
    return this.#message("image.revert", actor, workspace.write({ kind: "tree", entries: [["core", core]] }));
  }

  #destroy(actor) {
    return this.#message("image.destroy", actor, this.workspace.writeBlob(Buffer.alloc(0)));
  }

  /** The roots [{to, headers, content}, ...] in their order. Spec: image.world.rollback. */
  get messages() {
    const { read } = this.view;
    const [kept, later] = [true, false].map((isKept) =>
      this.present.filter((each) => this.earlier.has(each) === isKept),
    );
    const isRoot = (actor) => isPrincipal(read, this.view.heads.get(actor).core);
    const ended = [...later.filter((each) => !isRoot(each)), ...later.filter(isRoot)];
    const reverts = kept.map((actor) => this.#revert(actor)).filter((message) => message !== null);
    return [...reverts, ...ended.map((actor) => this.#destroy(actor))];
  }
}
