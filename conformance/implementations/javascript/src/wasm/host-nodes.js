// The nodes that the host puts into the core of a step that guest code made.

import { follow } from "../wit/paths.js";
import { findCreator } from "./creator.js";
import { MOST_U63, writeState } from "./documents.js";
import { keepsState, writeMemory } from "./image.js";

const WRITTEN = ["state", "module", "memory"];

/** What is used after a step: units of the call and tanks of children. Spec: wasm.fuel.used. */
export function usedAfter({ state, spent }, tanks) {
  const used = state.used + spent + tanks;
  return used > MOST_U63 ? MOST_U63 : used;
}

function stateAfter(call, tanks) {
  const { manifest, random, clock } = call;
  return {
    v: 1,
    used: usedAfter(call, tanks),
    ...(manifest.random === undefined ? {} : { random }),
    ...(manifest.clock === undefined ? {} : { clock }),
  };
}

/** After an update by code: the image stays as it was. Spec: wasm.call.update. */
function afterUpdate(workspace, call, tanks) {
  if (!keepsState(call.manifest)) return new Map();
  const { pages, globals, call: suspended } = call.state;
  const image = pages === undefined ? {} : { pages, globals, ...(suspended === undefined ? {} : { call: suspended }) };
  return new Map([["state", writeState(workspace, { ...stateAfter(call, tanks), ...image })]]);
}

function imageAfter({ instance, isSuspended }) {
  return { pages: instance.pages, globals: instance.getGlobals(), ...(isSuspended ? { call: "wit" } : {}) };
}

/** Spec: wasm.image.nodes. */
function afterWit(workspace, call, tanks) {
  const { manifest, instance } = call;
  const nodes = new Map(WRITTEN.map((name) => [name, null]));
  if (!keepsState(manifest)) return nodes;
  const hasImage = manifest.image !== undefined;
  nodes.set("state", writeState(workspace, { ...stateAfter(call, tanks), ...(hasImage ? imageAfter(call) : {}) }));
  if (!hasImage) return nodes;
  nodes.set("module", call.moduleId);
  return nodes.set("memory", writeMemory(workspace, instance.memory, call.image));
}

/** The entries of `wasm` after a call: name -> id, null for one that is not to be there. Spec: wasm.grant.creator. */
export function nodesAfter(run, call, tanks) {
  const { workspace, last, proposal } = run;
  if (call.entry === "wit_update") return afterUpdate(workspace, call, tanks);
  const nodes = afterWit(workspace, call, tanks);
  const creator =
    proposal.kind === "cleanup" && call.manifest.update === undefined ? findCreator(workspace, last) : null;
  return creator === null ? nodes : nodes.set("creator", creator);
}

/** A core with entries of `wasm` put or removed: its id. A tree `wasm` without entries is absent. */
export function putNodes(workspace, core, nodes) {
  const { read } = workspace;
  const wasm = follow(read, core, ["wasm"]);
  const before = wasm === null ? null : read(wasm);
  const isTree = before?.kind === "tree";
  const entries = new Map(isTree ? before.entries : []);
  for (const [name, id] of nodes) {
    if (id === null) entries.delete(name);
    else entries.set(name, id);
  }
  if (!isTree && entries.size === 0) return core;
  const others = read(core).entries.filter(([name]) => name !== "wasm");
  const after = entries.size === 0 ? [] : [["wasm", workspace.write({ kind: "tree", entries: [...entries] })]];
  return workspace.write({ kind: "tree", entries: [...others, ...after] });
}
