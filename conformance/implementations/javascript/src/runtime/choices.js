// What may be run: the proposals to an actor that are proposable, as a list for the suite and as the next one for a free
// schedule.

import { isControl, kindOf } from "../wit/proposals.js";
import { proposalKey } from "./memo.js";

const TOGETHER = 64; // messages of one sender, and senders, that a free schedule reads together

/** One actor as it is now, with the oldest unread message of each sender. */
class Situation {
  constructor(view, memo, actor, now) {
    this.read = view.read;
    this.actor = actor;
    this.memo = memo;
    this.now = now;
    this.channels = view.mailTo(actor);
    this.exists = view.heads.has(actor);
    this.isMarked = view.marks.has(actor);
    this.isAway = view.isAway(actor);
    this.isIsolated = memo.isIsolated((sender, id, size) => this.#isUnread(sender, id, size));
    this.fronts = [...this.channels.keys()].sort().map((sender) => this.#front(sender));
  }

  #isUnread(sender, id, most) {
    return (this.channels.get(sender)?.numberOf(this.read, id, most) ?? -1) >= 0;
  }

  #front(sender) {
    const { id, message } = this.channels.get(sender).at(this.read, 0);
    return { sender, id, message, kind: kindOf(message, this.actor, this.exists) };
  }

  get isDelayed() {
    return this.memo.delaysBeyond(this.now).length > 0;
  }

  /** {x: f}. */
  alone({ sender, id, message, kind }) {
    return { kind, entries: new Map([[sender, id]]), covered: [{ sender, id, message }] };
  }

  /** {x: p}: the longest run of ordinary messages, of at most so many. */
  together(fronts, most = Infinity) {
    const covered = [];
    const entries = new Map();
    for (const { sender } of fronts) {
      for (const { id, message } of this.#run(sender, most)) {
        covered.push({ sender, id, message });
        entries.set(sender, id);
      }
    }
    return { kind: "ordinary", entries, covered };
  }

  *#run(sender, most) {
    const channel = this.channels.get(sender);
    const end = Math.min(channel.count(this.read), most);
    for (let number = 0; number < end; number += 1) {
      const { id, message } = channel.at(this.read, number);
      if (kindOf(message, this.actor, this.exists) !== "ordinary") return;
      yield { id, message };
    }
  }

  /** Spec: wit.cleanup.begin. */
  #isLast(proposal) {
    return this.fronts.every(({ sender, kind }) => kind === "cleanup" || proposal.entries.has(sender));
  }

  /** Whether a proposal that is one may be run. */
  isProposable(proposal) {
    const { kind, entries, covered } = proposal;
    if (this.isAway || kind === "waiting" || (this.isMarked && kind !== "update")) return false;
    if (this.isIsolated && covered.length > 1) return false;
    if (covered.some(({ sender, id }) => this.memo.isDelayed(sender, id, this.now))) return false;
    return !this.memo.hasDeclined(entries) && (kind !== "cleanup" || this.#isLast(proposal));
  }
}

/** All choices of an actor, each once, in no order. Spec: runtime.schedule.exact. */
export function listChoices(view, memo, actor, now) {
  const situation = new Situation(view, memo, actor, now);
  const ordinary = situation.fronts.filter(({ kind }) => kind === "ordinary");
  const all = [
    ...situation.fronts.map((front) => situation.alone(front)),
    ...ordinary.map((front) => situation.together([front])),
    ...(ordinary.length > 0 ? [situation.together(ordinary)] : []),
  ];
  const { isDelayed } = situation;
  const listed = all.filter((each) => (!isDelayed || each.kind === "update") && situation.isProposable(each));
  return [...new Map(listed.map((each) => [proposalKey(each.entries), each])).values()];
}

function* byPreference(situation) {
  const of = (isWanted) => situation.fronts.filter(isWanted);
  for (const front of of(({ kind }) => kind === "update")) yield situation.alone(front);
  if (situation.isMarked) return;
  for (const front of of(({ kind }) => isControl(kind) && kind !== "update")) yield situation.alone(front);
  const count = ({ sender, id }) => situation.memo.count(sender, id);
  const ordinary = of(({ kind }) => kind === "ordinary").sort((a, b) => count(a) - count(b)); // senders stay in order
  const untried = situation.isIsolated ? [] : ordinary.filter((front) => count(front) === 0);
  for (let at = 0; at < untried.length; at += TOGETHER) {
    yield situation.together(untried.slice(at, at + TOGETHER), TOGETHER);
  }
  for (const front of ordinary) if (situation.isIsolated || count(front) > 0) yield situation.alone(front);
}

/**
 * The next proposal of an actor in a free schedule, or null: updates, then other control messages, then ordinary mail, that
 * which never failed first. If everything is declined, each oldest message was.
 */
export function pickChoice(view, memo, actor, now) {
  const situation = new Situation(view, memo, actor, now);
  for (const proposal of byPreference(situation)) if (situation.isProposable(proposal)) return proposal;
  return null;
}
