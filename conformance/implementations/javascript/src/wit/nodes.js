// Code nodes: which code an entry of a core or of an update stands for.
//
// `external:<name>` resolves to the names of the table below, `wasm:<path>` to a module. In a Wasm actor every node is the
// affair of the profile wasm, which knows one form only. Whatever is not byte for byte such a node resolves to nothing.

import { answerFlow, transitFlow } from "../flow/guest.js";
import { answerActor, transitActor, transitKernel } from "../image/kernel-actor.js";
import { answerSession, transitSession } from "../session/guest.js";
import { isWasmCore, modulePath } from "../wasm/nodes.js";
import { answerByModule } from "../wasm/queries.js";
import { transitByModule } from "../wasm/transition.js";
import { unresolved } from "./failure.js";
import { follow } from "./paths.js";
import { puppet } from "./puppet.js";
import { answerQuery } from "./puppet-queries.js";

const stamping = (run) => puppet(run, { stamps: true });
const plain = (run) => puppet(run, { stamps: false });

/** node data -> {transit: a generator function (transition.js), answer: a function (queries.js)}. */
const REGISTERED = new Map([
  ["external:puppet/1", { transit: plain, answer: answerQuery }],
  ["external:puppet-stamp/1", { transit: stamping, answer: answerQuery }],
  ["external:session/1", { transit: transitSession, answer: answerSession }],
  ["external:flow/1", { transit: transitFlow, answer: answerFlow }],
  ["external:image/1", { transit: transitActor, answer: answerActor }],
  ["external:image-kernel/1", { transit: transitKernel, answer: () => null }],
]);

const byModule = (tree, name) => ({
  transit: (run) => transitByModule(run, tree, name),
  answer: answerByModule,
});

/**
 * The code under a name in a tree, for an actor of which the core is `core`. Throws Failure unresolved, Refusal missing.
 * Spec: wit.node.forms.
 */
export function findCode(objects, core, tree, name) {
  const { read } = objects;
  if (isWasmCore(objects, core) || modulePath(objects, tree, name) !== null) return byModule(tree, name);
  const node = follow(read, tree, [name]);
  const object = node === null ? null : read(node);
  const code = object?.kind === "blob" ? REGISTERED.get(object.data.toString("latin1")) : undefined;
  if (code === undefined) throw unresolved(`${name} is no code that is known here`);
  return code;
}
