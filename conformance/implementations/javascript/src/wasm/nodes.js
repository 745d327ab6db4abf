// Code nodes of the form wasm:<path>, and the modules that they name.

import { follow, readPath } from "../wit/paths.js";

const PREFIX = Buffer.from("wasm:");
const COLON = 0x3a;

/** The names of the module path of a node's data, or null for data of another form. Spec: wasm.module.node. */
function readNode(format, data) {
  if (data.indexOf(PREFIX) !== 0 || data.indexOf(COLON, PREFIX.length) >= 0) return null;
  return readPath(format, data.subarray(PREFIX.length));
}

/** The names of the module path of a node in a tree, or null if there is no blob of the form wasm:<path>. */
export function modulePath({ read, format }, tree, name) {
  const id = follow(read, tree, [name]);
  const node = id === null ? null : read(id);
  return node?.kind === "blob" ? readNode(format, node.data) : null;
}

/** Whether a core is that of a Wasm actor. */
export const isWasmCore = (objects, core) => modulePath(objects, core, "wit") !== null;

/** Whether a core is that of a Wasm actor, or the core before was none. Spec: wasm.grant.stays-guest, wasm.grant.update-stays. */
export const staysGuest = (objects, before, after) => isWasmCore(objects, after) || !isWasmCore(objects, before);

/** The module of a node in a tree: {id, data}, or null for the defect node. */
export function findModule(objects, tree, name) {
  const names = modulePath(objects, tree, name);
  const id = names === null ? null : follow(objects.read, tree, names);
  const module = id === null ? null : objects.read(id);
  return module?.kind === "blob" ? { id, data: module.data } : null;
}
