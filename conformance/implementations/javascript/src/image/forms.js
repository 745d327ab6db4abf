// The forms of contents in an image: text blobs, numbers, ids, and the names of types and events.

/** The largest number. */
export const MOST = 2n ** 63n - 1n;

const NUMBER = /^(?:0|[1-9][0-9]{0,18})$/;
const ID = /^[0-9a-f]{64}$/;
const MT = /^[a-z0-9_.-]{1,64}$/;
const EVENT = /^[a-z0-9_-]{1,32}$/;
const KERNEL = /^image\.(?:grant|revoke|entry|quota|install|timer|cancel|destroy|revert)$/;
const KERNEL_EVENT = /^image\.(subscribe|unsubscribe|emit)\.([a-z0-9_-]{1,32})$/;
const RESERVED = ["update", "cleanup", "receipt", "failed", "reply", "genesis"];
const RESOURCES = ["actors", "bytes", "fuel", "posts", "subs", "timers"];
const QUOTA = new RegExp(`^${RESOURCES.map((each) => `${each} (0|[1-9][0-9]{0,18})\n`).join("")}$`);

export const TEXT = [["ct", "s"]];

/** The number that a text is, as a BigInt, or null. */
export function readNumber(text) {
  if (!NUMBER.test(text)) return null;
  const number = BigInt(text);
  return number > MOST ? null : number;
}

export const isId = (text) => ID.test(text);
export const isEvent = (text) => EVENT.test(text);

/** Whether a text has the form of a type. */
export const isMt = (text) => MT.test(text);

/** Spec: image.message.type. */
export const isPlain = (type) =>
  MT.test(type) && !RESERVED.includes(type) && !type.startsWith("image.") && !type.startsWith("on.");

/** The kind of a kernel message and its event, or null. */
export function readKernelType(type) {
  if (KERNEL.test(type)) return { kind: type.slice("image.".length), event: null };
  const [, kind, event] = KERNEL_EVENT.exec(type) ?? [];
  return kind === undefined ? null : { kind, event };
}

export const isKernel = (type) => readKernelType(type) !== null;
export const isEventType = (type) => type.startsWith("on.") && isEvent(type.slice(3));

/** The text of an object that is a text blob, or null: also for an erased blob, which is null itself. */
export function textOf(object) {
  if (object?.kind !== "blob" || object.headers.length !== 1) return null;
  const [[key, value]] = object.headers;
  return key === "ct" && value === "s" ? object.data.toString("latin1") : null;
}

export const isEmptyBlob = (object) =>
  object?.kind === "blob" && object.headers.length === 0 && object.data.length === 0;

/** The limits of a quota: name -> BigInt, or null for another text. */
export function readQuota(text) {
  const found = text === null ? null : QUOTA.exec(text);
  if (found === null) return null;
  const limits = new Map(RESOURCES.map((name, i) => [name, readNumber(found[i + 1])]));
  return [...limits.values()].includes(null) ? null : limits;
}

/** The actors that an entry admits, or null for another text. */
export function readEntry(text) {
  if (text === "*") return "*";
  const ids = text?.split("\n") ?? [""];
  const isList = ids.every((id, i) => isId(id) && (i === 0 || ids[i - 1] < id));
  return isList ? ids : null;
}

/** {due, seq, index, mt} of a timer, or null for another text. */
export function readTimer(text) {
  const parts = text?.split(" ") ?? [];
  if (parts.length !== 4 || !isPlain(parts[3])) return null;
  const [due, seq, index] = parts.slice(0, 3).map(readNumber);
  return [due, seq, index].includes(null) ? null : { due, seq, index, mt: parts[3] };
}

/** {event, subscriber} of the name of a subscription, or null. */
export function readSubscription(name) {
  const at = name.indexOf(".");
  const [event, subscriber] = [name.slice(0, at), name.slice(at + 1)];
  return at >= 0 && isEvent(event) && isId(subscriber) ? { event, subscriber } : null;
}

/** The value of a header of a message, or null. */
export const headerOf = (message, key) => message.headers.find(([each]) => each === key)?.[1] ?? null;
