// The ledger: what each principal uses, by the references and objects alone. It is made when it is first needed and then follows the
// records, so an operation costs what it changes. Owners, timers and subscriptions are read from the cores of all actors once
// one of them counts; bytes and posts only of the actors of principals that use more.

import { changedKeys } from "../maps.js";
import { findUnread, typeOf } from "../wit/channels.js";
import { countTimers, ownerIn, quotaIn, subscriptionsIn, timersIn } from "./cores.js";
import { exhausted } from "./fault.js";
import { MOST } from "./forms.js";
import { Sizes } from "./sizes.js";

const RESOURCES = ["actors", "bytes", "posts", "subs", "timers"];
const NONE = new Map();
const NOTHING = { timers: NONE, timerCount: 0, subscribers: [], owner: null };

const saturated = (sum) => (sum > MOST ? MOST : sum);

/** Changes of usages: principal -> resource -> BigInt. */
class Changes {
  all = new Map();

  add(principal, resource, amount) {
    if (principal === null || amount === 0n) return;
    if (!this.all.has(principal)) this.all.set(principal, Object.fromEntries(RESOURCES.map((each) => [each, 0n])));
    this.all.get(principal)[resource] += amount;
  }
}

/** Count how often each text occurs. */
function countEach(texts) {
  const counts = new Map();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

export class Ledger {
  #accounts = null; // actor -> {owner, timers: Map, timerCount, subscribers: [actor, ...]} of its head; null: not needed so far
  #owned = new Map(); // principal -> Set of actors, itself among them
  #subscribed = new Map(); // subscriber -> Set of actors with a subscription of it
  #bytes = new Map(); // principal -> BigInt, of those that were measured
  #posts = new Map(); // likewise
  sizes = new Sizes();

  constructor(view, agent, kernel) {
    Object.assign(this, { view, agent, kernel });
  }

  // ---- accounts

  /** Read the accounts of all actors, once. */
  #open() {
    if (this.#accounts !== null) return;
    this.#accounts = new Map();
    for (const [actor, head] of this.view.heads) this.#setAccount(actor, this.#accountOf(this.view.read, head));
  }

  #accountOf(read, step) {
    if (step === null || step.actor === this.agent || step.actor === this.kernel) return NOTHING;
    const { actor, core } = step;
    const subscribers = subscriptionsIn(read, core).map(({ subscriber }) => subscriber);
    const timers = timersIn(read, core);
    return { owner: ownerIn(read, actor, core), timers, timerCount: countTimers(read, core), subscribers };
  }

  #setAccount(actor, account) {
    const before = this.#accounts.get(actor) ?? NOTHING;
    for (const each of new Set(before.subscribers)) removeFrom(this.#subscribed, each, actor);
    for (const each of account.subscribers) addTo(this.#subscribed, each, actor);
    if (before.owner !== account.owner && before.owner !== null) removeFrom(this.#owned, before.owner, actor);
    if (account.owner === null) this.#accounts.delete(actor);
    else {
      this.#accounts.set(actor, account);
      addTo(this.#owned, account.owner, actor);
    }
  }

  /** The actors of a principal, itself among them. */
  owned(principal) {
    this.#open();
    return [...(this.#owned.get(principal) ?? [])];
  }

  /** The owner of the actor of a step; null for the agent and the kernel actor. */
  ownerOf({ read }, { actor, core }) {
    if (actor === this.agent || actor === this.kernel) return null;
    return this.#accounts?.get(actor)?.owner ?? ownerIn(read, actor, core);
  }

  /** The timers of an actor: handle -> {due, seq, index, mt}. */
  timersOf(actor) {
    this.#open();
    return this.#accounts.get(actor)?.timers ?? NONE;
  }

  /** All timers, as [[actor, timers], ...]. */
  get timers() {
    this.#open();
    return [...this.#accounts]
      .filter(([, { timers }]) => timers.size > 0)
      .map(([actor, { timers }]) => [actor, timers]);
  }

  // ---- usage

  #usage(principal, resource) {
    const actors = this.owned(principal);
    if (resource === "actors") return BigInt(actors.filter((each) => each !== principal).length);
    if (resource === "timers")
      return BigInt(actors.reduce((sum, each) => sum + (this.#accounts.get(each)?.timerCount ?? 0), 0));
    if (resource === "subs") return BigInt(actors.reduce((sum, each) => sum + this.#subscriptions(each), 0));
    const [sums, measure] = resource === "bytes" ? [this.#bytes, this.#bytesOf] : [this.#posts, this.#postsOf];
    if (!sums.has(principal))
      sums.set(
        principal,
        actors.reduce((sum, each) => sum + measure(each), 0n),
      );
    return sums.get(principal);
  }

  #subscriptions(actor) {
    return this.#accounts.get(actor).subscribers.filter((each) => this.view.heads.has(each)).length;
  }

  #bytesOf = (actor) => this.sizes.differenceOfCores(this.view.read, null, this.view.heads.get(actor).core);

  #postsOf = (actor) => {
    const { heads, read } = this.view;
    let sum = 0n;
    for (const receiver of heads.get(actor).outbox.keys()) {
      const channel = heads.has(receiver) ? this.view.mailTo(receiver).get(actor) : undefined;
      for (const { message } of channel?.all(read) ?? []) if (typeOf(message) !== "failed") sum += 1n;
    }
    return sum;
  };

  /**
   * The first limit that an operation exceeds, as a Fault, or null; `moved` is that of its private copy.
   * Spec: image.quota.hard, image.quota.recount.
   */
  findExcess({ copy, workspace }, moved) {
    const changes = this.#changesOf(workspace.read, moved, (actor) => copy.head(actor) ?? null);
    for (const principal of [...changes.all.keys()].sort()) {
      const head = copy.head(principal);
      const limits = head === undefined ? null : quotaIn(workspace.read, head.core);
      if (limits === null) continue;
      const resource = this.#firstExcess(principal, changes.all.get(principal), limits);
      if (resource !== undefined) return exhausted(resource);
    }
    return null;
  }

  #firstExcess(principal, changes, limits) {
    return RESOURCES.find((resource) => {
      if (changes[resource] <= 0n) return false;
      const before = this.#usage(principal, resource);
      const after = saturated(before + changes[resource]);
      return after > limits.get(resource) && after > saturated(before);
    });
  }

  /**
   * The limit of bytes that a step of an actor in a private copy exceeds, as a Fault, or null; `before` is its step before, or null.
   * Spec: image.quota.hard.
   */
  findGrowth({ copy, workspace }, actor, before) {
    const { read } = workspace;
    const after = copy.head(actor) ?? null;
    if (before !== null && before.core === after?.core) return null;
    const change = this.sizes.differenceOfCores(read, before?.core ?? null, after?.core ?? null);
    const owner = this.ownerOf(workspace, after ?? before);
    const bytes = copy.grow(owner, change);
    const head = copy.head(owner);
    const limits = bytes <= 0n || head === undefined ? null : quotaIn(read, head.core);
    if (limits === null) return null;
    const used = this.#usage(owner, "bytes");
    const sum = saturated(used + bytes);
    return sum > limits.get("bytes") && sum > saturated(used) ? exhausted("bytes") : null;
  }

  // ---- changes

  /** An operation has moved heads, as of findExcess(), and perhaps that of the agent. */
  take(moved, agentMoved) {
    if (this.#accounts === null) return;
    const { read } = this.view;
    const changes = new Changes();
    const steps = new Map(moved.map(({ actor, after }) => [actor, after]));
    const ownerOf = (actor) => this.#accounts.get(actor)?.owner ?? ownerOfStep(steps.get(actor));
    const ownerOfStep = (step) => (step === undefined ? null : this.ownerOf(this.view, step));
    for (const each of moved) this.#addBytes(changes, read, each, ownerOf(each.actor));
    for (const each of [...moved, ...agentMoved]) this.#addPosts(changes, read, each, ownerOf);
    for (const [principal, { bytes, posts }] of changes.all) {
      changeSum(this.#bytes, principal, bytes);
      changeSum(this.#posts, principal, posts);
    }
    for (const { actor, after, isGone } of moved) {
      this.#setAccount(actor, isGone ? NOTHING : this.#accountOf(read, after));
      if (isGone) for (const sums of [this.#bytes, this.#posts]) sums.delete(actor);
    }
  }

  /**
   * What heads that moved change: [{actor, before, after, isGone}, ...], of steps; `headOf(actor)` is the head afterwards, or null.
   */
  #changesOf(read, moved, headOf) {
    const changes = new Changes();
    const names = new Map(moved.map((each) => [each.actor, each]));
    const objects = { read };
    const ownerOf = (actor) => {
      const step = names.get(actor)?.after ?? this.view.heads.get(actor) ?? headOf(actor);
      return step === null || step === undefined ? null : this.ownerOf(objects, step);
    };
    for (const each of moved) {
      this.#addCore(changes, read, each, ownerOf(each.actor));
      this.#addPosts(changes, read, each, ownerOf);
    }
    this.#addSubscriptions(changes, read, moved, names, headOf);
    return changes;
  }

  #addBytes(changes, read, { before, after, isGone }, owner) {
    const [then, now] = [before?.core ?? null, isGone ? null : after.core];
    changes.add(owner, "bytes", this.sizes.differenceOfCores(read, then, now));
  }

  #addCore(changes, read, move, owner) {
    const { actor, before, after, isGone } = move;
    const [then, now] = [before?.core ?? null, isGone ? null : after.core];
    const timers = (core) => (core === null ? 0 : countTimers(read, core));
    if (owner !== actor) changes.add(owner, "actors", BigInt((now !== null) - (then !== null)));
    this.#addBytes(changes, read, move, owner);
    if (then !== now) changes.add(owner, "timers", BigInt(timers(now) - timers(then)));
  }

  #addPosts(changes, read, { actor, before, after }, ownerOf) {
    const count = (tip, cursor) =>
      BigInt(findUnread(read, tip, cursor).messages.filter(({ message }) => typeOf(message) !== "failed").length);
    const [sent, heard] = [before?.outbox ?? NONE, before?.inbox ?? NONE];
    for (const to of changedKeys(sent, after.outbox))
      changes.add(ownerOf(actor), "posts", count(after.outbox.get(to), sent.get(to) ?? null));
    for (const from of changedKeys(heard, after.inbox))
      changes.add(ownerOf(from), "posts", -count(after.inbox.get(from), heard.get(from) ?? null));
  }

  #addSubscriptions(changes, read, moved, names, headOf) {
    for (const { actor, before, after, isGone } of moved) {
      const owner = this.ownerOf({ read }, after);
      const now = isGone ? [] : this.#accountOf(read, after).subscribers;
      const then = this.#accountOf(read, before).subscribers;
      const counted = now.filter((each) => headOf(each) !== null).length;
      const had = then.filter((each) => this.#hadHead(names, each)).length;
      changes.add(owner, "subs", BigInt(counted - had));
      if ((before === null) === isGone) continue; // it has a head before and after, or neither
      this.#addListed(changes, actor, names, isGone);
    }
  }

  #hadHead(names, actor) {
    const moved = names.get(actor);
    return moved === undefined ? this.view.heads.has(actor) : moved.before !== null;
  }

  /** An actor that others list has begun or ended. */
  #addListed(changes, subscriber, names, isEnd) {
    this.#open();
    for (const actor of this.#subscribed.get(subscriber) ?? []) {
      if (names.has(actor)) continue;
      const { owner, subscribers } = this.#accounts.get(actor);
      const count = BigInt(countEach(subscribers).get(subscriber));
      changes.add(owner, "subs", isEnd ? -count : count);
    }
  }
}

/** Change a sum that is known. */
function changeSum(sums, key, amount) {
  if (sums.has(key)) sums.set(key, sums.get(key) + amount);
}

function addTo(map, key, value) {
  if (!map.has(key)) map.set(key, new Set());
  map.get(key).add(value);
}

function removeFrom(map, key, value) {
  const values = map.get(key);
  values.delete(value);
  if (values.size === 0) map.delete(key);
}
