// What the host charges and orders by: weights of objects and the order of entries, which are the same in both formats.

import { idBytes } from "../ids.js";

/** The most that an object may weigh. */
export const MOST_WEIGHT = 8_388_000;

const ENTRY_OF_TREE = 40;
const ENTRY_OF_MAILBOX = 72;

/** Spec: wasm.fuel.host-call. */
export const weightOfHeaders = (headers) =>
  headers.reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(value) + 8, 0); // keys are ASCII

/** Of a tree with entries of some names. */
export function weightOfNames(names) {
  let weight = 0;
  for (const name of names) weight += ENTRY_OF_TREE + Buffer.byteLength(name);
  return weight;
}

/** Of a tree with some entries, of which the names count. */
export const weightOfTree = (entries) => weightOfNames(entries.map(([name]) => name));

const WEIGH = {
  blob: ({ headers, data }) => 64 + data.length + weightOfHeaders(headers),
  tree: ({ entries }) => weightOfTree(entries),
  message: ({ headers }) => 128 + weightOfHeaders(headers),
  mailbox: ({ entries }) => ENTRY_OF_MAILBOX * entries.length,
  step: () => 192,
};

const WEIGHTS = new WeakMap(); // object -> weight
const ORDERED = new WeakMap(); // tree or mailbox -> [[bytes of name or key, id], ...]

/** The weight of an object as {kind, ...fields}. It must not be altered. */
export function weightOf(object) {
  let weight = WEIGHTS.get(object);
  if (weight === undefined) {
    weight = WEIGH[object.kind](object);
    WEIGHTS.set(object, weight);
  }
  return weight;
}

/** The entries of a tree or mailbox ascending by the bytes of name or key, whatever the format's order is. */
export function orderedEntries(object) {
  let ordered = ORDERED.get(object);
  if (ordered === undefined) {
    const bytesOf = object.kind === "tree" ? (name) => Buffer.from(name, "utf8") : idBytes;
    ordered = object.entries.map(([key, id]) => [bytesOf(key), id]).sort(([a], [b]) => Buffer.compare(a, b));
    ORDERED.set(object, ordered);
  }
  return ordered;
}

/** What an entry of a tree or mailbox leads to, or null. */
export const entryOf = ({ entries }, key) => entries.find(([each]) => each === key)?.[1] ?? null;
