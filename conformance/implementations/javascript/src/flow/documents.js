// Documents, sealed blobs and trees of them.

import { Refusal } from "../refusal.js";
import { Failure } from "../wit/failure.js";
import { follow } from "../wit/paths.js";
import { VALUE_BYTES, decodeValue, isName } from "./values.js";

const CODE = "external:flow/1";
const SALT_BYTES = 16;

const VALUES = new WeakMap(); // object of a blob -> its value, or undefined: an object is decoded once

/** A document that a transition, a query or a replay needs was erased. Spec: flow.step.function. */
export class ErasedDocument extends Failure {
  constructor(what) {
    super("failed", `${what} was erased`);
    this.name = "ErasedDocument";
  }
}

const hasType = (object, type) =>
  object?.kind === "blob" &&
  object.headers.length === 1 &&
  object.headers[0][0] === "ct" &&
  object.headers[0][1] === type;

function decode(bytes) {
  try {
    return decodeValue(bytes, Number.POSITIVE_INFINITY);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** The value of a document, which must not be altered; undefined for another object. Spec: flow.value.limits. */
export function readValue(object, most = VALUE_BYTES) {
  if (!hasType(object, "cbor") || object.data.length > most) return undefined;
  if (!VALUES.has(object)) VALUES.set(object, decode(object.data));
  return VALUES.get(object);
}

/** The bytes of a blob that should be a document; of another blob bytes that are not an encoding. */
export const encodingOf = (object) => (hasType(object, "cbor") ? object.data : Buffer.alloc(0));

/** Whether an object is a document; an erased blob counts as one. */
export const isDocument = (object) => object === null || readValue(object) !== undefined;

/** Whether an object is a sealed blob; an erased blob counts as one. */
export const isSealed = (object) => object === null || (hasType(object, "sealed") && object.data.length >= SALT_BYTES);

export const isBlob = (object) => object === null || object.kind === "blob";
export const isTree = (object) => object?.kind === "tree";

/** Whether an object is a blob with the name of this code. */
export const isCode = (object) => object?.kind === "blob" && object.data.toString("latin1") === CODE;

/** Whether a core has this code at `wit`. */
export function hasFlowCode({ read }, core) {
  const id = isTree(read(core)) ? follow(read, core, ["wit"]) : null;
  return id !== null && isCode(read(id));
}

/** The entries of a tree of objects of a form, by name: a Map of ids; undefined for another object. */
export function readNamed({ read }, id, hasForm) {
  const object = read(id);
  if (!isTree(object)) return undefined;
  return object.entries.every(([name, entry]) => isName(name) && hasForm(read(entry)))
    ? new Map(object.entries)
    : undefined;
}
