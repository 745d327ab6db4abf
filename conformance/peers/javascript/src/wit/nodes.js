// Code nodes: which code an entry of a core or of an update stands for.
//
// Of the three forms only `external:<name>` can resolve here; the names are those of the table below. So whatever is not
// byte for byte such a node resolves to nothing.

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
]);

/** The code under a name in a tree. Throws Failure unresolved, Refusal missing. Spec: wit.node.forms. */
export function findCode(read, tree, name) {
  const node = follow(read, tree, [name]);
  const object = node === null ? null : read(node);
  const code = object?.kind === "blob" ? REGISTERED.get(object.data.toString("latin1")) : undefined;
  if (code === undefined) throw unresolved(`${name} is no code that is known here`);
  return code;
}
