// What the tree `image` of a core says. Trees are read once as maps, and cores by the paths that are asked for.

import { readQuota, readSubscription, readTimer, textOf } from "./forms.js";

const NONE = new Map();
const MAPS = new WeakMap(); // tree -> its entries as a map

/** The entries of a tree as a map that must not be altered; null for another object. */
export function entriesOf(object) {
  if (object?.kind !== "tree") return null;
  if (!MAPS.has(object)) MAPS.set(object, new Map(object.entries));
  return MAPS.get(object);
}

/** The id at a path of two or three names, or null. */
export function idAt(read, core, names) {
  let id = core;
  for (const name of names) {
    id = entriesOf(read(id))?.get(name);
    if (id === undefined) return null;
  }
  return id;
}

/** The entries of the tree at a path, none if there is no tree. */
export function treeAt(read, core, names) {
  const id = idAt(read, core, names);
  return id === null ? NONE : (entriesOf(read(id)) ?? NONE);
}

/** The text of the text blob at a path, or null. */
export function textAt(read, core, names) {
  const id = idAt(read, core, names);
  return id === null ? null : textOf(read(id));
}

/** The actor that owns an actor with this core: itself if it is a principal. Spec: image.owner.fixed. */
export function ownerIn(read, actor, core) {
  const owner = textAt(read, core, ["image", "owner"]);
  return owner === "self" ? actor : owner;
}

export const isPrincipal = (read, core) => textAt(read, core, ["image", "owner"]) === "self";
export const capsIn = (read, core) => treeAt(read, core, ["image", "caps"]);
export const quotaIn = (read, core) => readQuota(textAt(read, core, ["image", "quota"]));

/** The timers of a core: handle -> {due, seq, index, mt}. */
export function timersIn(read, core) {
  const timers = treeAt(read, core, ["image", "timers"]);
  if (timers.size === 0) return NONE;
  const all = [...timers].map(([handle, id]) => [handle, readTimer(textOf(read(id)))]);
  return new Map(all.filter(([, timer]) => timer !== null)); // an erased one never fires
}

/** How many timers count for a quota, erased ones too. Spec: image.quota.recount. */
export const countTimers = (read, core) => treeAt(read, core, ["image", "timers"]).size;

/** The subscriptions of a core: [{event, subscriber}, ...] in ascending order of the names. */
export const subscriptionsIn = (read, core) =>
  [...treeAt(read, core, ["image", "subs"]).keys()].sort().map(readSubscription);
