// Forks: the first core of a new actor that resumes from a step of another.

import { invalid } from "../refusal.js";
import { unresolved } from "../wit/failure.js";
import { follow } from "../wit/paths.js";
import { readStep } from "../wit/steps.js";
import { readState, writeState } from "./documents.js";
import { initialState, keepsState } from "./image.js";
import { putNodes } from "./host-nodes.js";
import { isWasmCore } from "./nodes.js";
import { manifestOf } from "./prepare.js";
import { forkKey } from "./random.js";

/** The document that a core has as its state, or the initial state. */
function storedState({ read, format }, core, manifest) {
  const id = follow(read, core, ["wasm", "state"]);
  const state = id === null ? initialState(manifest) : readState(format, read(id));
  if (state === null) throw unresolved("wasm/state is no state", "image");
  return state;
}

/** Spec: wasm.fork.fuel. */
function forkState(state, { random, tank }, number, entropy) {
  const forked = { v: 1, ...state };
  if (entropy === "fresh" && random !== undefined) {
    forked.random = { key: forkKey(state.random?.key ?? random, number), position: 0n };
  }
  if (tank !== undefined && tank > state.used) forked.used = tank;
  return forked;
}

/**
 * Make the core of a fork of a step: its id. Throws Refusal missing; invalid for no step of a Wasm actor; Failure unresolved.
 * Spec: wasm.fork.exact.
 */
export function forkCore(workspace, stepId, number, entropy) {
  const { core } = readStep(workspace.read, stepId);
  if (!isWasmCore(workspace, core)) throw invalid("no step of a Wasm actor");
  const manifest = manifestOf(workspace, core);
  if (manifest === null) throw unresolved("wasm/manifest is no manifest", "manifest");
  const n = workspace.writeBlob(Buffer.from(String(number)), [["ct", "s"]]);
  const nodes = new Map([
    [
      "fork",
      workspace.write({
        kind: "tree",
        entries: [
          ["n", n],
          ["parent", core],
        ],
      }),
    ],
  ]);
  if (keepsState(manifest)) {
    const state = storedState(workspace, core, manifest);
    nodes.set("state", writeState(workspace, forkState(state, manifest, number, entropy)));
  }
  return putNodes(workspace, core, nodes);
}
