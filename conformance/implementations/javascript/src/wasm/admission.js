// Admission: the checks of a module in their order; the first that fails decides.

import { FUNCTION, decode } from "./binary.js";
import { isOfType } from "./exports.js";
import { MODULE_LIMITS, checkLimits } from "./limits.js";
import { Module } from "./module.js";
import { SIGNATURES } from "./signatures.js";
import { unadmitted } from "./unadmitted.js";
import { validate } from "./validate.js";

/** The entries of the profile. */
export const ENTRIES = Object.freeze(["wit", "wit_query", "wit_update"]);

function checkImports({ imports, types }) {
  for (const { module, name, kind, type } of imports) {
    const wanted = module === "grit" && kind === FUNCTION ? SIGNATURES.get(name) : undefined;
    const isKnown = wanted !== undefined && isOfType(types[type], wanted);
    if (!isKnown) throw unadmitted("import", `${module}.${name} is no function of the ABI`);
  }
}

/**
 * Run the checks that do not depend on the entry. Throws Unadmitted: module, limit, import.
 * Spec: wasm.module.first, wasm.module.limit, wasm.module.import.
 */
export function examine(bytes, pages) {
  if (bytes.length > MODULE_LIMITS.module_bytes) throw unadmitted("limit", `${bytes.length} bytes are too many`);
  const parts = decode(bytes);
  checkLimits(parts, pages);
  const valid = validate(bytes, parts);
  checkImports(parts);
  return new Module(bytes, pages, parts, valid);
}

/** Admit a module for an entry and a number of pages. Throws Unadmitted: module, limit, import, export. */
export function admit(bytes, entry, pages) {
  const module = examine(bytes, pages);
  module.demandEntry(entry);
  return module;
}
