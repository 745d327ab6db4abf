// What messages and ops weigh: the bytes that they read and make, which are charged before anything happens.
// Spec: image.fuel.exact.

import { weightOf, weightOfHeaders, weightOfNames } from "../wasm/weights.js";
import { typeOf } from "../wit/channels.js";
import { entriesOf, idAt, treeAt } from "./cores.js";
import { MOST, readKernelType } from "./forms.js";
import { isGuestCore } from "./guests.js";

const BYTES_PER_UNIT = 1024n;
const ENTRY_OF_MAILBOX = 72;
const CAPS = ["image", "caps", "spawn"];

/** The charge for a message or an op of a weight, a number or BigInt. */
export const unitsOf = (weight) => 1n + BigInt(weight) / BYTES_PER_UNIT;

const sumOf = (numbers) => numbers.reduce((sum, each) => sum + each, 0);
const weightOfBlob = (object) => (object?.kind === "blob" ? weightOf(object) : 0);

/** Of a path in a stored tree, or in nothing. */
function weightOfPath(read, root, names) {
  let weight = weightOfNames(names);
  let id = root;
  for (const name of names) {
    const entries = id === null ? null : entriesOf(read(id));
    if (entries === null) break;
    weight += weightOfNames(entries.keys());
    id = entries.get(name) ?? null;
  }
  return weight;
}

// ---- messages

function weightOfKernelMessage(read, core, content) {
  const image = treeAt(read, core, ["image"]);
  const trees = [core, idAt(read, core, ["image"]), ...image.values()].map((id) => entriesOf(read(id)) ?? new Map());
  const object = read(content);
  return (object === null ? 0 : weightOf(object)) + sumOf(trees.map((each) => weightOfNames(each.keys())));
}

/** Of the pairs of trees that an installation merges, each pair once. */
function weightOfMerge(read, core, content) {
  const known = new Set();
  const waiting = [[core, content]];
  let weight = 0;
  while (waiting.length > 0) {
    const [old, now] = waiting.pop();
    const [before, after] = [old, now].map((id) => entriesOf(read(id)));
    if (old === now || before === null || after === null || known.has(old + now)) continue;
    known.add(old + now);
    weight += weightOfNames(before.keys()) + weightOfNames(after.keys());
    for (const [name, id] of after) if (before.has(name)) waiting.push([before.get(name), id]);
  }
  return weight;
}

function weightOfProgram(read, tree) {
  const program = tree === null ? undefined : entriesOf(read(tree))?.get("program");
  return program === undefined ? 0 : weightOfBlob(read(program));
}

/** The weight of a message before it is judged. `sizes` knows how many bytes of data objects have. */
export function weightOfMessage({ copy, workspace, ...operation }, { target, message }, sizes) {
  const { read } = workspace;
  const { content } = message;
  const size = (id) => {
    const bytes = sizes.difference(read, null, id);
    return bytes > MOST ? MOST : bytes;
  };
  const head = copy.head(target);
  if (head === undefined) return size(content);
  const { core, inbox, outbox } = head;
  const type = typeOf(message);
  const kernel = readKernelType(type);
  const entry = idAt(read, core, ["image", "entry", type]);
  let weight = ENTRY_OF_MAILBOX * (inbox.size + outbox.size) + (entry === null ? 0 : weightOfBlob(read(entry)));
  if (type === "genesis") return weight;
  if (kernel !== null) {
    weight += weightOfKernelMessage(read, core, content);
    if (kernel.kind === "revert") return BigInt(weight) + size(content);
    if (kernel.kind !== "install" || entriesOf(read(content)) === null) return weight;
    return BigInt(weight + weightOfMerge(read, core, content)) + size(content);
  }
  const pinned = operation.pinned(target);
  if (isGuestCore(workspace, pinned)) {
    const state = idAt(read, core, ["wasm"]);
    return BigInt(weight) + (state === null ? 0n : size(state));
  }
  return weight + weightOfProgram(read, type === "run" ? content : idAt(read, pinned, ["code", type]));
}

// ---- ops

/** Weights of the ops of a step: name -> of an act, an id or null for each ref, and its operands. */
const WEIGH = {
  put: ({ act }, path) => inCore(act, path).weight,
  delete: ({ act }, path) => inCore(act, path).weight,
  write: ({ act }, path, data) => inCore(act, path).weight + data.length,
  append: ({ act }, path, data) => data.length + weightOfReplaced(act, path),
  expect({ act }, path, data) {
    const { weight, blob } = inCore(act, path);
    return weight + data.length + blob;
  },
  add: ({ act }, path) => weightOfReplaced(act, path),
  count: ({ act }, path) => weightOfReplaced(act, path) + weightOfBlob(act.workspace.read(act.x.message.content)),
  read({ act, refer }, ref, from, to) {
    const [{ copy, agent, kernel }, actor] = [act, refer(ref)];
    const head = actor === null || actor === agent || actor === kernel ? undefined : copy.head(actor);
    const { weight } = inCore(act, to);
    return head === undefined ? weight : weight + weightOfPath(act.workspace.read, head.core, from);
  },
  send({ act, refer }, _to, _mode, type, content) {
    if (type !== "genesis") return 0;
    return inCore(act, CAPS).weight + weightOfPath(act.workspace.read, refer(content), CAPS);
  },
};

/** {weight, blob}: of a path in the working core, and of the blob there. */
function inCore(act, path) {
  const { seen, blob } = act.core.lookUp(path);
  const weight = weightOfNames(path) + sumOf(seen.map(weightOfNames));
  return { weight, blob: blob === null ? 0 : 64 + blob.size + weightOfHeaders(blob.headers) };
}

function weightOfReplaced(act, path) {
  const { weight, blob } = inCore(act, path);
  return weight + 2 * blob;
}

/** The charge for an op in a step in the making; `refer(ref)` is the id of a ref, or null. */
export function costOfOp(run, { name, operands }) {
  if (name === "spin") return 1n + BigInt(operands[0]);
  return unitsOf(WEIGH[name]?.(run, ...operands) ?? 0);
}
