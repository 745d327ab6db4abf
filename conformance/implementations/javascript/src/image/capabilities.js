// Capabilities: their names, and which of them cover another.

import { isId } from "./forms.js";

const NAME = /^(?:[a-z0-9_.-]{1,64}|[a-z0-9_.-]{0,63}\*)$/;
const KERNEL = "image.";

/** {kind, actor, name} of a capability, or null for any other text. */
export function readCapability(text) {
  if (text === "spawn") return { kind: "spawn" };
  if (text.startsWith("read.")) {
    const actor = text.slice("read.".length);
    return isActor(actor) ? { kind: "read", actor } : null;
  }
  if (!text.startsWith("send.")) return null;
  const end = text.indexOf(".", "send.".length);
  if (end < 0) return null;
  const [actor, name] = [text.slice("send.".length, end), text.slice(end + 1)];
  return isActor(actor) && NAME.test(name) ? { kind: "send", actor, name } : null;
}

const isActor = (text) => text === "*" || isId(text);

export const sendOf = (actor, mt) => `send.${actor}.${mt}`;
export const readOf = (actor) => `read.${actor}`;

/** The names `p*` that cover a name: those of the prefixes of which it may be one. */
function* prefixesOver(name) {
  const text = name.endsWith("*") ? name.slice(0, -1) : name;
  const least = text.startsWith(KERNEL) ? KERNEL.length : 0; // a shorter prefix is no right to kernel messages
  for (let size = least; size <= text.length; size += 1) yield `${text.slice(0, size)}*`;
}

function* coversOf(capability) {
  const read = readCapability(capability);
  if (read === null) return;
  yield capability;
  if (read.kind === "read") yield "read.*";
  if (read.kind !== "send") return;
  for (const actor of new Set([read.actor, "*"])) {
    yield sendOf(actor, read.name);
    for (const prefix of prefixesOver(read.name)) yield sendOf(actor, prefix);
  }
}

/**
 * Whether one of the capabilities for which `holds(name)` is true covers another. The work is that of the length of its name,
 * however many are held. Spec: image.cap.covers.
 */
export function hasCover(holds, capability) {
  for (const cover of coversOf(capability)) if (holds(cover)) return true;
  return false;
}

/** Whether a text is a capability. */
export const isCapability = (text) => readCapability(text) !== null;

/** The capabilities that a creator gains. Spec: image.spawn.gains. */
export const gainsFrom = (actor) => [sendOf(actor, "*"), sendOf(actor, "image.*"), readOf(actor)];
