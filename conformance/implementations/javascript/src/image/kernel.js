// The steps that answer kernel messages. No code of the receiver runs.

import { merge } from "../wit/merging.js";
import { hasCover, isCapability } from "./capabilities.js";
import { capsIn, entriesOf, idAt, isPrincipal, ownerIn, subscriptionsIn, textAt } from "./cores.js";
import { malformed, missing, rejected } from "./fault.js";
import { MOST, isEmptyBlob, isId, isPlain, readEntry, readNumber, readQuota, textOf } from "./forms.js";
import { checkCore } from "./valid.js";

const INSTALLED = ["code", "wit", "wit_query", "src"];
const NO_NAMES = [".", ".."]; // plain types that cannot be the name of an entry

/** {mt, value} of the content of image.entry, or null. */
function readEntryChange(text) {
  const end = text?.indexOf("\n") ?? -1;
  if (end < 0) return null;
  const [mt, value] = [text.slice(0, end), text.slice(end + 1)];
  const isChange = isPlain(mt) && !NO_NAMES.includes(mt) && (value === "-" || readEntry(value) !== null);
  return isChange ? { mt, value } : null;
}

/** {due, mt} of the content of image.timer, or null. */
function readTimerChange(text, clock) {
  const [delay, mt, ...more] = text?.split(" ") ?? [""];
  const number = readNumber(delay);
  if (number === null || mt === undefined || more.length > 0 || !isPlain(mt)) return null;
  const due = clock + number;
  return due > MOST ? null : { due, mt };
}

/** The core in the content of image.revert, or null. */
function readRevert(read, object) {
  const entries = entriesOf(object);
  const core = entries?.size === 1 ? entries.get("core") : undefined;
  return core !== undefined && entriesOf(read(core)) !== null ? core : null;
}

/** One kernel message on its way: the step in the making, its content, and its sender and receiver. */
class Message {
  constructor(act, event) {
    const { workspace, x, last, copy, operation } = act;
    Object.assign(this, { act, event, workspace, copy, operation, last });
    this.read = workspace.read;
    this.from = x.sender;
    this.to = x.target;
    this.before = act.coreBefore;
    this.content = x.message.content;
    this.object = workspace.read(this.content);
  }

  get text() {
    return textOf(this.object);
  }

  get isOfAgent() {
    return this.from === this.act.agent;
  }

  get owner() {
    return ownerIn(this.read, this.to, this.before);
  }

  ownerOf(actor) {
    const head = this.copy.head(actor);
    return head === undefined ? null : ownerIn(this.read, actor, head.core);
  }

  at(...names) {
    return idAt(this.read, this.before, ["image", ...names]);
  }

  put(names, id) {
    this.act.work(this.before).put(["image", ...names], id);
  }

  putText(names, text) {
    this.put(names, this.workspace.writeText(text));
  }

  remove(...names) {
    this.act.work(this.before).delete(["image", ...names]);
  }
}

function demand(condition, fault) {
  if (!condition) throw fault;
}

const demandSelf = (m) => demand(m.from === m.to, rejected("capability"));

/** Throws Fault rejected/busy. Spec: image.gone.quiet. */
function demandQuiet({ act, copy, to, last, operation }) {
  const { x } = act; // which counts as read
  const isRead = (receiver) => copy.unread(to, receiver, x) === 0;
  const isQuiet = copy.inbound(to, x) === 0 && [...last.outbox.keys()].every(isRead);
  const owns = () => isPrincipal(act.workspace.read, last.core) && operation.ownsOthers(to);
  if (!isQuiet || owns()) throw rejected("busy");
}

const KINDS = {
  grant(m) {
    const { text, act, copy, from } = m;
    demand(text !== null && isCapability(text), malformed("capability"));
    const caps = m.isOfAgent ? null : capsIn(m.read, copy.head(from).core);
    demand(caps === null || hasCover((name) => caps.has(name), text), rejected("escalation"));
    m.putText(["caps", text], act.x.sender);
  },
  revoke(m) {
    const { text } = m;
    demand(text !== null && isCapability(text), malformed("capability"));
    const granter = textAt(m.read, m.before, ["image", "caps", text]);
    demand(m.isOfAgent || m.from === m.owner || m.from === granter, rejected("capability"));
    demand(m.at("caps", text) !== null, missing("capability"));
    m.remove("caps", text);
  },
  entry(m) {
    const change = readEntryChange(m.text);
    demand(change !== null, malformed("entry"));
    demand(m.isOfAgent || m.from === m.owner, rejected("capability"));
    if (change.value === "-") m.remove("entry", change.mt);
    else m.put(["entry", change.mt], m.workspace.writeText(change.value));
  },
  quota(m) {
    demand(readQuota(m.text) !== null, malformed("quota"));
    demand(m.isOfAgent && isPrincipal(m.read, m.before), rejected("capability"));
    m.putText(["quota"], m.text);
  },
  install(m) {
    const entries = entriesOf(m.object);
    demand(entries !== null, malformed("install"));
    const mayInstall = m.isOfAgent || m.ownerOf(m.from) === m.owner;
    demand([...entries.keys()].every((name) => INSTALLED.includes(name)) && mayInstall, rejected("location"));
    const core = merge(m.workspace, m.before, m.content);
    checkCore(m.workspace, core);
    m.act.work(core);
  },
  subscribe(m) {
    demand(isEmptyBlob(m.object), malformed("subscribe"));
    m.put(["subs", `${m.event}.${m.from}`], m.content);
  },
  unsubscribe(m) {
    demand(isEmptyBlob(m.object), malformed("unsubscribe"));
    const name = `${m.event}.${m.from}`;
    demand(m.at("subs", name) !== null, missing("subscription"));
    m.remove("subs", name);
  },
  emit(m) {
    demandSelf(m);
    const subscribed = subscriptionsIn(m.read, m.before).filter(({ event }) => event === m.event);
    for (const { subscriber } of subscribed) {
      const isAgent = subscriber === m.act.agent;
      if (!isAgent && m.copy.head(subscriber) === undefined) continue;
      m.act.sendEvent(subscriber, isAgent ? "post" : "join", `on.${m.event}`, m.content);
    }
  },
  timer(m) {
    const { operation, act } = m;
    const change = readTimerChange(m.text, operation.clock);
    demand(change !== null, malformed("timer"));
    demandSelf(m);
    const { due, mt } = change;
    m.putText(["timers", act.x.id], `${due} ${operation.seq} ${act.x.timerIndex} ${mt}`);
  },
  cancel(m) {
    const { text } = m;
    demand(isId(text ?? ""), malformed("cancel"));
    demandSelf(m);
    demand(m.at("timers", text) !== null, missing("timer"));
    m.remove("timers", text);
  },
  destroy(m) {
    demand(isEmptyBlob(m.object), malformed("destroy"));
    demandQuiet(m);
    m.act.isLast = true;
  },
  revert(m) {
    const core = readRevert(m.read, m.object);
    demand(core !== null, malformed("revert"));
    demand(m.isOfAgent, rejected("capability"));
    demand(idAt(m.read, core, ["image", "owner"]) === m.at("owner"), rejected("escalation"));
    const timers = m.at("timers");
    const working = m.act.work(core);
    if (timers === null) working.delete(["image", "timers"]);
    else working.put(["image", "timers"], timers);
    checkCore(m.workspace, working.id());
  },
};

/** Answer a kernel message {kind, event} in a step in the making. Throws Fault. Spec: image.kernel.exact. */
export function answerKernel(act, { kind, event }) {
  KINDS[kind](new Message(act, event));
}
