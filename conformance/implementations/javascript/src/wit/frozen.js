// Frozen cores: which paths the core before a step fixes, and whether a core keeps them.

import { modulePath } from "../wasm/nodes.js";
import { follow, readPath } from "./paths.js";

const ALWAYS = [["frozen"], ["wit"], ["wit_query"], ["wit_update"]];
const LF = 0x0a;

/** The paths that a core fixes, as lists of names; none if it is not frozen; "all" for the core as a whole. */
function frozenPaths(read, format, core) {
  const entry = follow(read, core, ["frozen"]);
  if (entry === null) return [];
  const frozen = read(entry);
  if (frozen?.kind !== "blob") return "all";
  const modules = ["wit", "wit_query"].map((name) => modulePath({ read, format }, core, name));
  const paths = [...ALWAYS, ...modules.filter((names) => names !== null)]; // spec: wasm.grant.frozen
  for (let start = 0; start < frozen.data.length; ) {
    const end = frozen.data.indexOf(LF, start);
    const names = end < 0 ? null : readPath(format, frozen.data.subarray(start, end));
    if (names === null) return "all";
    paths.push(names);
    start = end + 1;
  }
  return paths;
}

/** Whether a core has an entry `frozen`. */
export const isFrozen = (read, core) => follow(read, core, ["frozen"]) !== null;

/** Whether everything that `before` fixes is the same in `after`. Spec: wit.frozen.kept. */
export function keepsFrozen(read, format, before, after) {
  if (before === after) return true;
  const paths = frozenPaths(read, format, before);
  if (paths === "all") return false;
  return paths.every((names) => follow(read, before, names) === follow(read, after, names));
}

/** Whether a core has a blob at `wit`. Spec: wit.admit.core. */
export function hasCode(read, core) {
  const wit = follow(read, core, ["wit"]);
  return wit !== null && (read(wit)?.kind ?? "blob") === "blob";
}
