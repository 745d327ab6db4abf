// The view of a runtime: the heads, the marks, and the mail that follows from the heads. It is read off the references and
// brought up to date from what changed among them, so it can be dropped and read again at any time.

import { changedKeys } from "../maps.js";
import { Refusal } from "../refusal.js";
import { readStep } from "../wit/steps.js";
import { AWAY_SPACES } from "./agent.js";
import { Channel } from "./channel.js";

const NONE = new Map();

/** A step whose objects cannot be read has no mail. */
function readHead(read, id) {
  try {
    return readStep(read, id);
  } catch (error) {
    if (error instanceof Refusal) return { id, previous: null, actor: null, inbox: NONE, outbox: NONE, core: null };
    throw error;
  }
}

export class View {
  heads = new Map(); // actor -> step (steps.js)
  marks = new Map(); // actor -> id of the mailbox
  away = new Map(); // actor -> Set of the spaces in which it has a reference that says that it is away
  mail = new Map(); // receiver -> Map: sender -> Channel; only channels with mail
  touched = new Set(); // actors whose head, mark or mail has changed since this was cleared
  unmarked = new Set(); // actors that lost their mark, likewise
  #references = null;
  #position = 0;

  constructor(store) {
    this.store = store;
  }

  read = (id) => this.store.read(id);

  /** Whether the references have changed since the last update. */
  get isBehind() {
    const { references } = this.store.backend;
    return references !== this.#references || references.position !== this.#position;
  }

  /** See the references as they are now in this process. */
  update() {
    if (!this.isBehind) return;
    const { references } = this.store.backend;
    const changed = references === this.#references ? references.changedSince(this.#position) : null;
    this.#references = references;
    this.#position = references.position;
    for (const name of changed ?? this.#allNames(references)) this.#take(name, references.target(name));
  }

  #allNames(references) {
    const names = new Set(references.all().map(([name]) => name));
    for (const actor of this.heads.keys()) names.add(`heads/${actor}`);
    for (const actor of this.marks.keys()) names.add(`failed/${actor}`);
    for (const [actor, spaces] of this.away) for (const space of spaces) names.add(`${space}/${actor}`);
    return names;
  }

  #take(name, target) {
    const slash = name.indexOf("/");
    const space = name.slice(0, slash);
    if (space === "heads") this.#setHead(name.slice(slash + 1), target);
    else if (space === "failed") this.#setMark(name.slice(slash + 1), target);
    else if (AWAY_SPACES.includes(space)) this.#setAway(space, name.slice(slash + 1), target);
  }

  #setAway(space, actor, target) {
    this.touched.add(actor);
    const spaces = this.away.get(actor) ?? new Set();
    if (target === null) spaces.delete(space);
    else spaces.add(space);
    if (spaces.size === 0) this.away.delete(actor);
    else this.away.set(actor, spaces);
  }

  /** Whether an actor makes no step in this store. */
  isAway(actor) {
    return this.away.has(actor);
  }

  #setMark(actor, target) {
    if ((this.marks.get(actor) ?? null) === target) return;
    this.touched.add(actor);
    if (target === null) this.unmarked.add(actor);
    if (target === null) this.marks.delete(actor);
    else this.marks.set(actor, target);
  }

  #setHead(actor, target) {
    const before = this.heads.get(actor);
    if ((before?.id ?? null) === target) return;
    const after = target === null ? undefined : readHead(this.read, target);
    if (after === undefined) this.heads.delete(actor);
    else this.heads.set(actor, after);
    this.touched.add(actor);
    for (const receiver of changedKeys(before?.outbox ?? NONE, after?.outbox ?? NONE)) this.#route(actor, receiver);
    for (const sender of changedKeys(before?.inbox ?? NONE, after?.inbox ?? NONE)) this.#route(sender, actor);
  }

  #route(sender, receiver) {
    const tip = this.heads.get(sender)?.outbox.get(receiver) ?? null;
    const cursor = this.heads.get(receiver)?.inbox.get(sender) ?? null;
    const channels = this.mail.get(receiver);
    const channel = channels?.get(sender);
    this.touched.add(receiver);
    if (tip === null || tip === cursor) {
      channels?.delete(sender);
      if (channels?.size === 0) this.mail.delete(receiver);
    } else if (channel !== undefined) Object.assign(channel, { tip, cursor });
    else if (channels !== undefined) channels.set(sender, new Channel(tip, cursor));
    else this.mail.set(receiver, new Map([[sender, new Channel(tip, cursor)]]));
  }

  /** The channels with mail to an actor: Map sender -> Channel. */
  mailTo(actor) {
    return this.mail.get(actor) ?? NONE;
  }

  /** The message under an actor's entry in the outbox of a head, or null. */
  sentTo(sender, receiver) {
    return this.heads.get(sender)?.outbox.get(receiver) ?? null;
  }
}
