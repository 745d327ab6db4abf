// Which cores are valid.

import { entriesOf, idAt, treeAt } from "./cores.js";
import { isCapability } from "./capabilities.js";
import { exhausted, malformed, missing, rejected } from "./fault.js";
import { isEmptyBlob, isId, isPlain, readEntry, readQuota, readSubscription, readTimer, textOf } from "./forms.js";
import { findGuestDefect, isGuestCore } from "./guests.js";
import { readProgramTree } from "./program.js";

export const CODE = "external:image/1";

const TREES = {
  caps: (name, object) => isId(textOf(object) ?? ""),
  entry: (name, object) => isPlain(name) && readEntry(textOf(object)) !== null,
  timers: (name, object) => isId(name) && readTimer(textOf(object)) !== null,
  subs: (name, object) => readSubscription(name) !== null && isEmptyBlob(object),
};

const isBlob = (read, id) => id !== undefined && (read(id)?.kind ?? "blob") === "blob";

function isTreeOf(read, id, fits) {
  const entries = entriesOf(read(id));
  return entries !== null && [...entries].every(([name, child]) => fits(name, read(child)));
}

/** Spec: image.core.closed. */
function isImageTree(read, id) {
  const entries = id === undefined ? null : entriesOf(read(id));
  if (entries === null || !entries.has("owner")) return false;
  const owner = textOf(read(entries.get("owner")));
  if (owner !== "self" && !isId(owner ?? "")) return false;
  if (entries.has("quota") !== (owner === "self")) return false;
  return [...entries].every(([name, child]) => {
    if (name === "owner") return true;
    if (name === "quota") return readQuota(textOf(read(child))) !== null;
    return Object.hasOwn(TREES, name) && isTreeOf(read, child, TREES[name]);
  });
}

function checkForm(read, entries) {
  const isForbidden = entries.has("frozen") || entries.has("wit_update");
  const hasCode = isBlob(read, entries.get("wit")) && isBlob(read, entries.get("wit_query"));
  if (isForbidden || !hasCode || !isImageTree(read, entries.get("image"))) throw malformed("core");
}

function checkPrograms(objects, entries) {
  const code = entries.get("code");
  if (code === undefined) return;
  const programs = entriesOf(objects.read(code));
  if (programs === null) throw malformed("program");
  for (const id of programs.values()) readProgramTree(objects, objects.read(id));
}

function checkCode(objects, core, entries) {
  const [wit, query] = ["wit", "wit_query"].map((name) => objects.read(entries.get(name))?.data.toString("latin1"));
  const isGuest = isGuestCore(objects, core);
  if (!isGuest && (wit !== CODE || query !== CODE)) throw rejected("import");
  const caps = treeAt(objects.read, core, ["image", "caps"]);
  if (![...caps.keys()].every(isCapability)) throw malformed("capability");
  if (!isGuest) return checkPrograms(objects, entries);
  const defect = findGuestDefect(objects, core);
  if (defect === "import") throw rejected("import");
  if (defect === "host") throw exhausted("exhausted");
  if (defect !== null) throw malformed("program");
}

/** Check a core as that of an actor. Throws Fault. Spec: image.spawn.valid, image.tool.imports, image.wasm.valid. */
export function checkCore(objects, core) {
  const entries = entriesOf(objects.read(core));
  if (entries === null) throw malformed("core");
  checkForm(objects.read, entries);
  checkCode(objects, core, entries);
}

/** Check a first core; `isPrincipal(actor)`: whether an actor is a principal with a head. Throws Fault. */
export function checkFirstCore(objects, core, isPrincipal) {
  checkCore(objects, core);
  const { read } = objects;
  if (["timers", "subs"].some((name) => idAt(read, core, ["image", name]) !== null)) throw malformed("core");
  const owner = textOf(read(idAt(read, core, ["image", "owner"])));
  if (owner !== "self" && !isPrincipal(owner)) throw missing("actor");
}
