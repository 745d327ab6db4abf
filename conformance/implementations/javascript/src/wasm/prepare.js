// The values that a call reads from the core before any guest code runs, in the order in which defects are reported.

import { LIMITS } from "../limits.js";
import { Failure, unresolved } from "../wit/failure.js";
import { follow } from "../wit/paths.js";
import { DEFAULTS, readManifest } from "./documents.js";
import { imageOf, stateOf } from "./image.js";
import { Modules } from "./modules.js";
import { findModule } from "./nodes.js";
import { Unadmitted } from "./unadmitted.js";

const MODULES = new Modules(); // of all stores: an id says what a module is

/** The manifest of a core, with all defaults where there is none; null for a defective one. Spec: wasm.manifest.strict. */
export function manifestOf({ read, format }, core) {
  const id = follow(read, core, ["wasm", "manifest"]);
  return id === null ? DEFAULTS : readManifest(format, read(id));
}

/** Throws Failure exhausted for more pages than this host gives. Spec: wasm.manifest.not-lowered. */
export function checkPages(pages) {
  if (pages > LIMITS.wasm_pages)
    throw new Failure("exhausted", `${pages} pages, wasm_pages is ${LIMITS.wasm_pages}`, "host");
}

/** What admits a module, as a failure where it does not. */
export function admitting(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unadmitted) throw unresolved(error.message, error.code);
    throw error;
  }
}

function demandModule(objects, tree, entry, { pages }) {
  const found = findModule(objects, tree, entry);
  if (found === null) throw unresolved(`${entry} leads to no module`, "node");
  return { id: found.id, module: admitting(() => MODULES.admit(found.id, () => found.data, entry, pages)) };
}

function demandState(objects, core, manifest) {
  const state = stateOf(objects, core, manifest);
  if (state === undefined) throw unresolved("wasm/state is no state", "image");
  return state ?? { used: 0n };
}

/** The image that counts, or null. Spec: wasm.image.module. */
function demandImage(objects, core, state, { id, module }) {
  if (follow(objects.read, core, ["wasm", "module"]) !== id) return null;
  const image = imageOf(objects, core, state, module);
  if (image === null) throw unresolved("the image in the core is defective", "image");
  return image;
}

/**
 * Prepare a call: {manifest, moduleId, module, state, image: null where none counts, isResumed}. `tree` holds the node.
 * Throws Failure, Refusal missing. Spec: wasm.call.order.
 */
export function prepare(objects, { core, tree, entry }) {
  const manifest = manifestOf(objects, core);
  if (manifest === null) throw unresolved("wasm/manifest is no manifest", "manifest");
  checkPages(manifest.pages);
  const found = demandModule(objects, tree, entry, manifest);
  const state = demandState(objects, core, manifest);
  const mayCount = manifest.image !== undefined && entry !== "wit_update";
  const image = mayCount ? demandImage(objects, core, state, found) : null;
  const isResumed = image !== null && entry === "wit" && state.call !== undefined;
  return { manifest, moduleId: found.id, module: found.module, state, image, isResumed };
}
