// Operation records: how they are written and read.

import { malformed } from "../refusal.js";
import { TEXT, textOf } from "./forms.js";

const ID = "[0-9a-f]{64}";
const NUMBER = "(?:0|[1-9][0-9]{0,18})";
const FAILURE = "(?:malformed|invalid|missing|rejected|exhausted)/[a-z0-9:-]{1,64}";
const RECORD = new RegExp(
  `^image-op 1\nseq (${NUMBER})\nclock (${NUMBER})\n((?:root ${ID} ${ID} ${ID}\n)*)fuel (${NUMBER})\n` +
    `outcome (committed|genesis|failed ${FAILURE})\n((?:savepoint ${ID} ${ID} ${ID} ${FAILURE}\n)*)` +
    `((?:head ${ID} (?:${ID}|-) ${ID}\n)*)((?:read ${ID} ${ID}\n)*)((?:gone ${ID}\n)*)$`,
);

/** The record of operation 0. */
export const GENESIS = "image-op 1\nseq 0\nclock 0\nfuel 0\noutcome genesis\n";

const words = (lines) =>
  lines
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" ").slice(1));

/** {class, code} of a failure, spelled class/code. */
function readFailure(text) {
  const at = text.indexOf("/");
  return { class: text.slice(0, at), code: text.slice(at + 1) };
}

/** The outcome of a record as a reply has it. */
function readOutcome(text) {
  return text.startsWith("failed ") ? { failed: readFailure(text.slice("failed ".length)) } : { committed: {} };
}

/**
 * {seq, clock, roots: [[sender, target, message], ...], outcome, heads: [[actor, before, after], ...], gone: [actor, ...]} of
 * the object of a record. Throws Refusal malformed.
 */
export function readRecord(object) {
  const found = RECORD.exec(textOf(object) ?? "");
  if (found === null) throw malformed("the kernel actor has no record");
  const [, seq, clock, roots, , outcome, , heads, , gone] = found;
  return {
    seq: Number(seq),
    clock: BigInt(clock),
    roots: words(roots),
    outcome: readOutcome(outcome),
    heads: words(heads).map(([actor, before, after]) => [actor, before === "-" ? null : before, after]),
    gone: words(gone).map(([actor]) => actor),
  };
}

const line = (...parts) => `${parts.join(" ")}\n`;
const lines = (list, spell) => list.map(spell).join("");
const spellFault = ({ faultClass, code }) => `${faultClass}/${code}`;

/** The text of a record. Spec: image.op.record. */
export function spellRecord({ seq, clock, roots, fuel, fault, savepoints, moved, reads }) {
  const outcome = fault === null ? "committed" : `failed ${spellFault(fault)}`;
  const gone = moved.filter(({ isGone }) => isGone);
  return (
    `image-op 1\nseq ${seq}\nclock ${clock}\n` +
    lines(roots, ({ sender, target, id }) => line("root", sender, target, id)) +
    `fuel ${fuel}\noutcome ${outcome}\n` +
    lines(savepoints, (each) => line("savepoint", each.sender, each.target, each.id, spellFault(each.fault))) +
    lines(moved, ({ actor, before, after }) => line("head", actor, before?.id ?? "-", after.id)) +
    lines(reads, ({ actor, head }) => line("read", actor, head.id)) +
    lines(gone, ({ actor }) => line("gone", actor))
  );
}

/** Make the blob of a record: its id. */
export const writeRecord = (workspace, record) => workspace.writeBlob(Buffer.from(spellRecord(record)), TEXT);
