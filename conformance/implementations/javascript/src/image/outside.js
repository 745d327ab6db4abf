// What the outside may send. All messages of a request are checked before any step is made.

import { Refusal, malformed, missing, rejected } from "../refusal.js";
import { goneName } from "../runtime/agent.js";
import { typeOf } from "../wit/channels.js";
import { Workspace } from "../wit/workspace.js";
import { isPrincipal } from "./cores.js";
import { Fault } from "./fault.js";
import { headerOf, isKernel, isPlain } from "./forms.js";
import { checkFirstCore } from "./valid.js";

const RESERVED = ["op", "timer", "fuel", "key", "world"];

/** Spec: runtime.agent.inject, runtime.agent.inject-refused, runtime.agent.limits. */
function checkObjects(workspace, { to, headers, content }) {
  if (workspace.kind(to) !== "tree") throw rejected("the receiver is no tree");
  if (!["blob", "tree"].includes(workspace.kind(content))) throw rejected("the content is no blob or tree");
  workspace.write({ kind: "message", previous: null, headers, content });
  workspace.checkClosure([
    [to, ["tree"]],
    [content, ["blob", "tree"]],
  ]);
}

/** A request on its way: what its messages have begun so far. */
class Check {
  #geneses = new Set();

  /** `mode`: that of an injection, or null for a request. */
  constructor({ store, view, agent, kernel }, mode) {
    Object.assign(this, { store, view, agent, kernel, mode });
    this.workspace = new Workspace(store);
  }

  check(message) {
    checkObjects(this.workspace, message);
    this.#checkType(message);
    this.#checkMode(message);
    this.#checkReceiver(message);
    this.#checkFirst(message);
  }

  #checkType({ to, headers, content }) {
    const type = typeOf({ headers });
    const isGenesis = type === "genesis";
    const isType = isGenesis || isPlain(type) || isKernel(type);
    if (!isType || isGenesis !== (content === to)) throw malformed("the outside sends no such type", "mt");
  }

  #checkMode({ headers }) {
    const type = typeOf({ headers });
    const isReserved = RESERVED.some((key) => headerOf({ headers }, key) !== null);
    const isNoPost = this.mode !== null && (this.mode === "signal" || type === "genesis" || isKernel(type));
    if (isReserved || isNoPost) throw malformed("the outside sends no such mode", "mode");
  }

  #checkReceiver({ to, headers }) {
    const isGone = this.store.backend.references.target(goneName(to)) !== null;
    const isKnown = this.view.heads.has(to) || isGone || this.#geneses.has(to);
    if (!isKnown && typeOf({ headers }) !== "genesis") throw missing("there is no such actor", "actor");
    if (isGone) throw rejected("the actor is gone", "gone");
    if (to === this.agent || to === this.kernel) throw rejected("the actor is the runtime's", "location");
    const isWaiting = this.view.heads.has(to) && this.view.mailTo(to).has(this.agent);
    if (this.mode === null && isWaiting) throw rejected("a message of the agent waits", "order");
  }

  #checkFirst({ to, headers }) {
    if (typeOf({ headers }) !== "genesis" || this.view.heads.has(to) || this.#geneses.has(to)) return;
    checkFirstCore(this.workspace, to, (actor) => {
      const head = this.view.heads.get(actor);
      if (head === undefined && !this.#geneses.has(actor)) return false;
      return isPrincipal(this.workspace.read, head?.core ?? actor);
    });
    this.#geneses.add(to);
  }
}

/**
 * Check the messages {to, headers, content} of a request, or of an injection in some mode. Throws Refusal.
 * Spec: image.outside.refused.
 */
export function checkOutside(image, messages, mode = null) {
  const check = new Check(image, mode);
  try {
    for (const each of messages) check.check(each);
  } catch (error) {
    if (error instanceof Fault) throw new Refusal(error.faultClass, error.message, error.code);
    throw error;
  }
}
