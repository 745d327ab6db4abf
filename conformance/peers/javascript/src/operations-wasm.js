// The operations of the profile wasm.

import { bytes, oneOf, record, uint } from "./shapes.js";
import { ENTRIES, admit } from "./wasm/admission.js";
import { admitting, checkPages } from "./wasm/prepare.js";

const entry = oneOf(...ENTRIES);
const pages = uint(0, 65_536);

/** The module of a request, admitted. Throws Failure exhausted (host), unresolved. */
function admitted(args) {
  checkPages(args.pages);
  return admitting(() => admit(args.module, args.entry, args.pages));
}

/** The operations: name -> {args, run(args)} or {args, onStore(args, store)}. */
export const WASM_OPERATIONS = {
  "wasm.admit": {
    args: record({ module: bytes, entry, pages }),
    run(args) {
      admitted(args);
      return {};
    },
  },
  "wasm.meter": {
    args: record({ module: bytes, entry, pages }),
    run: (args) => ({ module: Buffer.from(admitted(args).metered).toString("base64url") }),
  },
};
