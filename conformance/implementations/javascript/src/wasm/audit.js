// The audit of a result: compares the step of a guest with the grants in the manifest of the previous core.

import { changedKeys } from "../maps.js";
import { readMessage, typeOf } from "../wit/channels.js";
import { failed } from "../wit/failure.js";
import { follow } from "../wit/paths.js";
import { readStep } from "../wit/steps.js";
import { isKept, keepsBelow, keepsHostNodes } from "./kept.js";
import { isNarrower } from "./narrower.js";
import { isWasmCore, modulePath, staysGuest } from "./nodes.js";
import { manifestOf } from "./prepare.js";

const NONE = new Map();
const CODE_PATHS = [["wit"], ["wit_query"], ["wit_update"], ["frozen"]];

const demand = (condition, grant) => {
  if (!condition) throw failed(`${grant} is not granted`, `denied:${grant}`);
};

/** Spec: wasm.grant.host. */
function checkHost({ read, before, after, isUpdate }) {
  demand(isUpdate ? keepsHostNodes(read, before, after) : isKept(read, before, after, ["wasm"]), "host");
}

/** Spec: wasm.grant.code, wasm.grant.stays-guest. */
function checkCode({ workspace, read, before, after, isUpdate, manifest }) {
  demand(staysGuest(workspace, before, after), "code");
  if (isUpdate || manifest.code !== undefined) return;
  const modules = ["wit", "wit_query"]
    .map((name) => modulePath(workspace, before, name))
    .filter((names) => names !== null);
  for (const names of [...CODE_PATHS, ...modules]) demand(isKept(read, before, after, names), "code");
}

/** Spec: wasm.grant.mount. */
function checkMounts({ read, before, after, manifest }) {
  const isFree = (name) => manifest.mounts.get(name) === "rw";
  demand(isKept(read, before, after, ["fs"]) || keepsBelow(read, before, after, "fs", isFree), "mount");
}

/** The new messages to an actor: those that its entry in the outbox has behind the one before. */
function newMessages(read, to, tip, before) {
  const messages = [];
  for (let id = tip; id !== null && id !== before; id = messages.at(-1).message.previous) {
    messages.push({ to, message: readMessage(read, id) });
  }
  return messages;
}

const isBirth = ({ to, message }) => message.content === to;

/** Who may be sent to, as a function. Spec: wasm.grant.send. */
function recipientsOf({ read, before, manifest, last, proposal }, births) {
  const peers = follow(read, before, ["wasm", "peers"]);
  const tree = peers === null ? null : read(peers);
  const named = new Set(tree?.kind === "tree" ? tree.entries.map(([, id]) => id) : []);
  const senders = new Set([...(last?.inbox ?? NONE).keys(), ...proposal.covered.map(({ sender }) => sender)]);
  return (actor) =>
    named.has(actor) ||
    manifest.send === "any" ||
    (manifest.send === "reply" && senders.has(actor)) ||
    (manifest.spawn !== undefined && ((last?.outbox ?? NONE).has(actor) || births.has(actor)));
}

const isCodeOfModule = (workspace, tree, name) =>
  follow(workspace.read, tree, [name]) === null || modulePath(workspace, tree, name) !== null;

/** Whether an update that is sent does not extend an actor's rights. Spec: wasm.grant.send-update. */
function isHarmless({ workspace, read }, content) {
  if (read(content)?.kind !== "tree") return true;
  if (["wasm", "wit_update"].some((name) => follow(read, content, [name]) !== null)) return false;
  return ["wit", "wit_query"].every((name) => isCodeOfModule(workspace, content, name));
}

const isUpdateMessage = ({ message }) => typeOf(message) === "update";

/** Spec: wasm.grant.spawn, wasm.grant.send-update, wasm.grant.update-guests. */
function checkNewMessage(audit, each, isRecipient) {
  const { workspace, manifest } = audit;
  if (isUpdateMessage(each)) demand(isWasmCore(workspace, each.to), "spawn");
  if (manifest.spawn === "any") return;
  if (isBirth(each)) {
    const { content } = each.message;
    demand(manifest.spawn === "wasm" && isNarrower(workspace, content, { manifest, isRecipient }), "spawn");
  }
  if (isUpdateMessage(each)) demand(isHarmless(audit, each.message.content), "spawn");
}

/** What the births take from the tank: the sum of the tanks of their cores. Spec: wasm.grant.spawn-tank. */
function tanksOf({ workspace, manifest }, births) {
  if (manifest.tank === undefined) return 0n;
  return births.reduce((sum, { to }) => sum + (manifestOf(workspace, to)?.tank ?? 0n), 0n);
}

function checkOutbox(audit, outbox) {
  const { read, last } = audit;
  const before = last?.outbox ?? NONE;
  const receivers = [...changedKeys(before, outbox)].filter((actor) => outbox.has(actor));
  const sent = receivers.flatMap((actor) => newMessages(read, actor, outbox.get(actor), before.get(actor) ?? null));
  const births = sent.filter(isBirth);
  const isRecipient = recipientsOf(audit, new Set(births.map(({ to }) => to)));
  for (const actor of receivers) demand(isRecipient(actor), "send");
  for (const each of sent) checkNewMessage(audit, each, isRecipient);
  return tanksOf(audit, births);
}

/**
 * Audit an admitted step against the call that gave it: the units that the tanks of its births take. Throws Failure denied.
 */
export function auditStep({ workspace, actor, last, proposal }, call, id) {
  const { manifest, entry } = call;
  const { read } = workspace;
  const step = readStep(read, id);
  const before = last === null ? actor : last.core;
  const audit = {
    workspace,
    read,
    last,
    proposal,
    manifest,
    before,
    after: step.core,
    isUpdate: entry === "wit_update",
  };
  checkHost(audit);
  checkCode(audit);
  checkMounts(audit);
  const tanks = checkOutbox(audit, step.outbox);
  demand(manifest.tank === undefined || call.state.used + call.spent + tanks <= manifest.tank, "spawn");
  return tanks;
}
