// Paths within a core: one or more names with slashes between.

import { textOf } from "../grammar.js";
import { Refusal } from "../refusal.js";

const SLASH = 0x2f;

/** The names of a path that is given as bytes, or null for bytes that are no path. */
export function readPath(format, bytes) {
  const names = [];
  try {
    for (let start = 0; ; ) {
      const slash = bytes.indexOf(SLASH, start);
      names.push(textOf(format.grammar.name, bytes.subarray(start, slash < 0 ? bytes.length : slash)));
      if (slash < 0) return names;
      start = slash + 1;
    }
  } catch (error) {
    if (error instanceof Refusal) return null; // of textOf(): no name
    throw error;
  }
}

/** Whether a text is a name of the format. */
export function isName(format, text) {
  const bytes = Buffer.from(text, "utf8");
  return !bytes.includes(SLASH) && readPath(format, bytes) !== null;
}

/** The id that names lead to from a tree, or null if a name is absent on the way or stands below a blob. */
export function follow(read, tree, names) {
  let id = tree;
  for (const name of names) {
    const object = read(id);
    const entry = object?.kind === "tree" ? object.entries.find(([each]) => each === name) : undefined;
    if (entry === undefined) return null;
    id = entry[1];
  }
  return id;
}
