// What a module has to export.

import { FUNCTION, GLOBAL } from "./binary.js";
import { I32 } from "./instructions.js";
import { unadmitted } from "./unadmitted.js";

const NOTHING = { params: [], results: [] };
const NUMBER = { params: [], results: [I32] };
const TAKES_ADDRESS = { params: [I32], results: [] };

// What a module that imports `wait` exports as functions.
const WINDING = Object.freeze({
  asyncify_start_unwind: TAKES_ADDRESS,
  asyncify_stop_unwind: NOTHING,
  asyncify_start_rewind: TAKES_ADDRESS,
  asyncify_stop_rewind: NOTHING,
  asyncify_get_state: NUMBER,
});

/** The immutable global i32 with the address of the stack area of such a module. */
export const WAIT_AREA = "grit_wait_area";

const equal = (some, others) => some.length === others.length && others.every((type, i) => type === some[i]);

/** Whether two function types are the same. */
export const isOfType = (type, wanted) => equal(type.params, wanted.params) && equal(type.results, wanted.results);

/** The exports of a valid module. */
class Exports {
  constructor({ exports }, { spaces, imported }) {
    this.byName = new Map(exports.map((each) => [each.name, each]));
    this.spaces = spaces;
    this.imported = imported;
  }

  /** Check that a function that the module defines is exported under this name with this type. */
  demand(name, type) {
    const { kind, index } = this.byName.get(name) ?? {};
    const isDefined = kind === FUNCTION && index >= this.imported;
    if (!isDefined || !isOfType(this.spaces.functions[index], type))
      throw unadmitted("export", `${name} is missing or another`);
  }

  demandWaitArea() {
    const { kind, index } = this.byName.get(WAIT_AREA) ?? {};
    const { type, isMutable } = (kind === GLOBAL && this.spaces.globals[index]) || {};
    if (type !== I32 || isMutable) throw unadmitted("export", `${WAIT_AREA} is missing or another`);
  }
}

/** Check the exports of a module for an entry. Throws Unadmitted export. Spec: wasm.module.entry. */
export function checkExports(parts, valid, entry) {
  const exports = new Exports(parts, valid);
  exports.demand(entry, NUMBER);
  if (exports.byName.has("_initialize")) exports.demand("_initialize", NOTHING);
  if (parts.exports.some(({ name }) => name.startsWith("grit:")))
    throw unadmitted("export", "a name begins with grit:");
  if (!parts.imports.some(({ name }) => name === "wait")) return;
  for (const [name, type] of Object.entries(WINDING)) exports.demand(name, type);
  exports.demandWaitArea();
}
