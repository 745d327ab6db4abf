// Which paths of a core are kept from one core to the next.

import { changedKeys } from "../maps.js";
import { follow } from "../wit/paths.js";

/** Whether a path leads to the same id in both cores, or to nothing in both. */
export const isKept = (read, before, after, names) => follow(read, before, names) === follow(read, after, names);

/**
 * Whether an entry is a tree or absent in the core after, and each path one name below it is kept but for names that are
 * free.
 */
export function keepsBelow(read, before, after, name, isFree) {
  const [old, now] = [before, after].map((core) => {
    const id = follow(read, core, [name]);
    return id === null ? null : { object: read(id) };
  });
  if (now !== null && now.object?.kind !== "tree") return false;
  const [was, is] = [old, now].map((each) => new Map(each?.object?.kind === "tree" ? each.object.entries : []));
  return [...changedKeys(was, is)].every(isFree);
}

const FREE = ["manifest", "peers"];

/** Whether `wasm` of a core after an update has only what the host wrote. Spec: wasm.grant.host, wasm.grant.update. */
export const keepsHostNodes = (read, before, after) =>
  keepsBelow(read, before, after, "wasm", (name) => FREE.includes(name));
