// Writing and reading of maps: headers, trees and mailboxes ascend strictly by key.

import { ZERO_ID } from "./ids.js";
import { invalid } from "./refusal.js";

/**
 * Sort encoded entries [[keyBytes, ...rest], ...] by key.
 * Throws Refusal invalid for a repeated key. Spec: grit.tree.key-unique, grit.mailbox.key-unique, grit.header.order.
 */
export function sortEntries(entries) {
  const sorted = entries.toSorted(([a], [b]) => Buffer.compare(a, b));
  for (let i = 1; i < sorted.length; i += 1) {
    if (sorted[i][0].equals(sorted[i - 1][0])) throw invalid("a key or name occurs twice");
  }
  return sorted;
}

/**
 * The entries [[id, id], ...] of a mailbox sorted by key: ids ascend as text as their bytes do.
 * Throws Refusal invalid for a repeated key, an id that is all zero, and no entries.
 * Spec: grit.mailbox.key-unique, grit.mailbox.non-empty, grit.id.zero.
 */
export function sortPairs(pairs) {
  checkNotEmpty(pairs.length);
  const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)); // which takes one look where they are sorted already
  let before = null;
  for (const [key, id] of sorted) {
    if (key === before) throw invalid("a key or name occurs twice");
    if (key === ZERO_ID || id === ZERO_ID) throw invalid("an id is all zero");
    before = key;
  }
  return sorted;
}

/** The keys whose values differ in two Maps. */
export function* changedKeys(before, after) {
  if (before === after) return;
  for (const [key, value] of after) if (before.get(key) !== value) yield key;
  for (const key of before.keys()) if (!after.has(key)) yield key;
}

/** Check that a key is greater than the one before it (null: there is none). Spec: grit.tree.key-order and its kin. */
export function checkAscends(before, key) {
  if (before === null) return;
  const order = Buffer.compare(before, key);
  if (order === 0) throw invalid("a key or name occurs twice");
  if (order > 0) throw invalid("keys or names do not ascend");
}

/** Check that a tree or mailbox has an entry. Spec: grit.tree.non-empty, grit.mailbox.non-empty. */
export function checkNotEmpty(count) {
  if (count === 0) throw invalid("a tree or mailbox has no entry");
}
