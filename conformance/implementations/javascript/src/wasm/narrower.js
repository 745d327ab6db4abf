// Which cores a guest may give life to: those that have no right that its own has not.

import { follow } from "../wit/paths.js";
import { isWasmCore, modulePath } from "./nodes.js";
import { manifestOf } from "./prepare.js";

const HOST_NODES = ["state", "module", "memory", "fork", "creator"];
const ORDERS = { send: [undefined, "reply", "any"], spawn: [undefined, "wasm", "any"] };
const FLAGS = ["attempt", "query", "code", "raw", "update"];

function hasCodeOfModules(workspace, core) {
  const hasQuery = follow(workspace.read, core, ["wit_query"]) !== null;
  return isWasmCore(workspace, core) && (!hasQuery || modulePath(workspace, core, "wit_query") !== null);
}

function isManifestNarrower(manifest, of) {
  if (manifest.fuel > of.fuel || manifest.pages > of.pages) return false;
  if (FLAGS.some((flag) => manifest[flag] !== undefined && of[flag] === undefined)) return false;
  if (Object.entries(ORDERS).some(([name, order]) => order.indexOf(manifest[name]) > order.indexOf(of[name])))
    return false;
  return of.tank === undefined || manifest.tank !== undefined;
}

function hasOnlyRecipients({ read }, core, isRecipient) {
  const id = follow(read, core, ["wasm", "peers"]);
  const peers = id === null ? { kind: "tree", entries: [] } : read(id);
  return peers?.kind === "tree" && peers.entries.every(([, peer]) => isRecipient(peer));
}

/** Whether a core is narrower than one with a manifest, whose recipients are known. Spec: wasm.grant.spawn. */
export function isNarrower(workspace, core, { manifest: of, isRecipient }) {
  const isFresh = HOST_NODES.every((name) => follow(workspace.read, core, ["wasm", name]) === null);
  if (!isFresh || !hasCodeOfModules(workspace, core) || !hasOnlyRecipients(workspace, core, isRecipient)) return false;
  const manifest = manifestOf(workspace, core);
  return manifest !== null && isManifestNarrower(manifest, of);
}
