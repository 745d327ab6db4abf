// Writing and reading of maps: headers, trees and mailboxes ascend strictly by key.

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
