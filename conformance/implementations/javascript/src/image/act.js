// A step in the making: what it sends, and the conditions on sending, in the order in which they are checked.

import { WorkingCore } from "../wit/core.js";
import { gainsFrom, hasCover, readOf, sendOf } from "./capabilities.js";
import { capsIn, entriesOf, ownerIn, treeAt } from "./cores.js";
import { malformed, missing, rejected } from "./fault.js";
import { TEXT, headerOf, isPlain, readKernelType, textOf } from "./forms.js";

const SELF_KINDS = ["timer", "cancel", "emit"];
const GIVEN_BY_NONE = ["quota", "timers", "subs"];

/** The step of an actor that answers a message x: {sender, target, id, message}. */
export class Act {
  sent = []; // {target, mode, id, message} in order
  outbox;
  #gained = new Set(); // capabilities
  #created = new Set(); // actors without a head
  #posts = new Map(); // receiver -> how many posts

  constructor(operation, frame, x) {
    const { copy, workspace, agent, kernel } = operation;
    Object.assign(this, { operation, frame, x, copy, workspace, agent, kernel });
    this.actor = x.target;
    this.last = copy.head(x.target);
    this.caps = this.last === undefined ? new Map() : capsIn(workspace.read, this.last.core);
    this.outbox = new Map(this.last?.outbox);
    this.core = null; // a working core, once it is needed
    this.coreBefore = null; // without the timer that x fires; null: the actor has no step
    this.coreAfter = null; // an id, in the place of the working core
    this.isLast = false; // whether the actor ends with this step
  }

  /** Begin to work on a core. */
  work(core) {
    this.core = new WorkingCore(this.workspace, core);
    return this.core;
  }

  /** Whether the actor has a capability that covers one. Spec: image.cap.send, image.cap.deputy. */
  mayDo(capability) {
    return hasCover((name) => this.caps.has(name) || this.#gained.has(name), capability);
  }

  /** A message was made that the step sends. */
  note({ target, mode, id, message }) {
    this.outbox.set(target, id);
    this.sent.push({ target, mode, id, message });
    if (mode === "post") this.#posts.set(target, (this.#posts.get(target) ?? 0) + 1);
  }

  /** Send a message without any condition. */
  post(target, mode, headers, content) {
    const op = mode === "post" ? [] : [["op", mode]];
    const message = {
      kind: "message",
      previous: this.outbox.get(target) ?? null,
      headers: [...headers, ...op],
      content,
    };
    this.note({ target, mode, id: this.workspace.write(message), message });
  }

  /** Spec: image.op.order. */
  isOutOfOrder(target, mode) {
    if (mode === "post") return false;
    const { actor, x, copy, frame } = this;
    const waiting = copy.unread(actor, target, x) - frame.queued(actor, target);
    return waiting + (this.#posts.get(target) ?? 0) > 0;
  }

  /** Throws Fault malformed/mt. Spec: image.message.type. */
  checkType({ target, type, content }) {
    const isGenesis = type === "genesis";
    if (!isGenesis && readKernelType(type) === null && !isPlain(type)) throw malformed("mt");
    if (isGenesis !== (content === target)) throw malformed("mt");
  }

  /** Spec: image.message.mode. */
  #checkMode({ type, mode }) {
    const isBad = type === "genesis" ? mode !== "join" : readKernelType(type) !== null && mode === "post";
    if (isBad) throw malformed("mode");
  }

  #checkReceiver({ target, type, mode }) {
    const { copy } = this;
    const exists = copy.head(target) !== undefined;
    const isKnown = exists || copy.isGone(target) || this.#created.has(target);
    if (type !== "genesis" && !isKnown) throw missing("actor");
    if (!exists && copy.isGone(target)) throw rejected("gone");
    if (target === this.kernel) throw rejected("location");
    if (target === this.agent && mode !== "post") throw rejected("effect");
    if (this.isOutOfOrder(target, mode)) throw rejected("order");
  }

  /** Spec: image.cap.attenuate. */
  #checkGift(core) {
    const { read } = this.workspace;
    const image = treeAt(read, core, ["image"]);
    const text = (id) => (id === undefined ? null : textOf(read(id)));
    const mine = ownerIn(read, this.actor, this.last.core);
    const caps = [...treeAt(read, core, ["image", "caps"])];
    const isMine = text(image.get("owner")) === mine && !GIVEN_BY_NONE.some((name) => image.has(name));
    const isCovered = () => caps.every(([name, id]) => this.mayDo(name) && text(id) === this.actor);
    if (!isMine || !isCovered()) throw rejected("escalation");
  }

  #needsNone({ target, type }) {
    if (target !== this.actor) return false;
    const kernel = readKernelType(type);
    return kernel === null ? type !== "genesis" : SELF_KINDS.includes(kernel.kind);
  }

  #checkRight({ target, type, content }) {
    const isBirth = type === "genesis" && this.copy.head(target) === undefined;
    if (isBirth) this.#checkGift(content);
    if (this.#needsNone({ target, type })) return;
    if (!this.mayDo(type === "genesis" ? "spawn" : sendOf(target, type))) throw rejected("capability");
    if (isBirth) this.#gain(target);
  }

  /** Spec: image.spawn.gains. */
  #gain(target) {
    for (const capability of gainsFrom(target)) this.#gained.add(capability);
    this.#created.add(target);
    if (this.core !== null) this.putGains();
  }

  /** Put the capabilities that it has gained into the working core. */
  putGains() {
    const granter = this.workspace.writeBlob(Buffer.from(this.actor), TEXT);
    for (const capability of this.#gained) this.core.put(["image", "caps", capability], granter);
  }

  /** Check a message {target, type, mode, content} of a type that may be sent. Throws Fault. Spec: image.cap.order. */
  check(message) {
    this.#checkMode(message);
    this.#checkReceiver(message);
    this.#checkRight(message);
  }

  /** Send a message of a program. Throws Fault. */
  send(message) {
    this.checkType(message);
    this.check(message);
    const { target, type, mode, content } = message;
    this.post(target, mode, [["mt", type]], content);
  }

  /** Check a reply of a guest. Throws Fault. */
  checkReply({ target, message }) {
    const { sender, id } = this.x;
    const isReply = target === sender && headerOf(message, "reply") === id && message.content !== target;
    if (!isReply || headerOf(message, "op") !== (this.#replyMode === "join" ? "join" : null)) throw malformed("mt");
    this.#checkReceiver({ target, type: "reply", mode: this.#replyMode });
  }

  get #replyMode() {
    return this.x.mode === "post" ? "post" : "join";
  }

  /** Send the message of an emission. Throws Fault. Spec: image.event.inside. */
  sendEvent(target, mode, type, content) {
    if (content === target) throw malformed("mt");
    if (this.isOutOfOrder(target, mode)) throw rejected("order");
    this.post(target, mode, [["mt", type]], content);
  }

  /** Send a reply to x. Throws Fault. Spec: image.message.type. */
  reply(content) {
    const { sender, id } = this.x;
    const mode = this.#replyMode;
    if (content === sender) throw malformed("mt");
    this.#checkReceiver({ target: sender, type: "reply", mode });
    this.post(
      sender,
      mode,
      [
        ["mt", "reply"],
        ["reply", id],
      ],
      content,
    );
  }

  /** The core of an actor that the op `read` may read. Throws Fault. Spec: image.program.read. */
  coreToRead(actor, mayPut) {
    const { copy } = this;
    const head = copy.head(actor);
    if (head === undefined && !copy.isGone(actor)) throw missing("actor");
    if (head === undefined) throw rejected("gone");
    if (actor === this.agent || actor === this.kernel || !mayPut) throw rejected("location");
    if (actor !== this.actor && !this.mayDo(readOf(actor))) throw rejected("capability");
    if (actor !== this.actor) this.operation.noteRead(actor);
    return head.core;
  }

  /** Whether an id is that of a tree. */
  isTree(id) {
    return entriesOf(this.workspace.read(id)) !== null;
  }
}
