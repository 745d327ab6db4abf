// Actors whose code is a module in their core: which of them are valid.

import { modulePath } from "../wasm/nodes.js";
import { checkPages, manifestOf, prepare } from "../wasm/prepare.js";
import { Failure, unresolved } from "../wit/failure.js";

const ENTRIES = ["wit", "wit_query"];

/** Whether both code nodes of a core name modules. */
export const isGuestCore = (objects, core) => ENTRIES.every((name) => modulePath(objects, core, name) !== null);

function checkPlace(objects, core, entry) {
  const manifest = manifestOf(objects, core);
  if (manifest === null) throw unresolved("wasm/manifest is no manifest", "manifest");
  checkPages(manifest.pages);
  const [top, ...below] = modulePath(objects, core, entry);
  if (top !== "code" || below.length === 0) throw unresolved("the module is not below code", "node");
}

/** The code of the first defect of a guest, or null. Spec: image.wasm.valid. */
export function findGuestDefect(objects, core) {
  try {
    for (const entry of ENTRIES) {
      checkPlace(objects, core, entry);
      prepare(objects, { core, tree: core, entry });
    }
    return null;
  } catch (error) {
    if (error instanceof Failure) return error.cause;
    throw error;
  }
}
