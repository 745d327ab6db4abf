// Worlds: the references of an image after each of its operations, and their root.

import { startHash } from "../formats.js";
import { missing } from "../refusal.js";
import { goneName, headName } from "../runtime/agent.js";
import { TEXT } from "./forms.js";

const noWorld = () => missing("there is no such world yet", "world");
const SPACES = /^(?:heads|gone)\//;

/** The entries of the journal from the first to the one with a number. Throws Refusal missing. */
function entriesUpTo(journal, seq) {
  const entries = [...journal.back()].reverse();
  return entries.slice(0, seq + 1);
}

function foldInto(refs, { heads, gone }) {
  for (const [actor, , after] of heads) refs.set(headName(actor), after);
  for (const actor of gone) {
    refs.set(goneName(actor), refs.get(headName(actor)));
    refs.delete(headName(actor));
  }
}

const sorted = (refs) => [...refs].sort(([one], [other]) => (one < other ? -1 : 1));

/**
 * A world: {seq, refs: [[name, target], ...] ascending}; `seq` is null for the newest one. Throws Refusal missing.
 * Spec: image.world.past, image.world.past-refused.
 */
export function worldAt(journal, seq) {
  const newest = journal.newest.record.seq;
  if (seq !== null && seq > newest) throw noWorld();
  if (seq === null || seq === newest) {
    const all = journal.store.backend.references.all();
    return { seq: newest, refs: all.filter(([name]) => SPACES.test(name)) };
  }
  const entries = entriesUpTo(journal, seq);
  const refs = new Map();
  for (const { record } of entries) foldInto(refs, record);
  const { step, sentBy } = entries.at(-1);
  refs.set(headName(journal.agent), sentBy);
  refs.set(headName(journal.kernel), step.id);
  return { seq, refs: sorted(refs) };
}

/** The root of a world. Spec: image.world.root. */
export function rootOf(format, refs) {
  const data = Buffer.from(refs.map(([name, target]) => `${name} ${target}\n`).join(""));
  const hash = startHash(format);
  hash.update(format.encode({ kind: "blob", headers: TEXT, data }));
  return hash.digest();
}
