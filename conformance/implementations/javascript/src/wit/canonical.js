// Canonical JSON (RFC 8785), as far as values without fractions need it.

import { isUtf8 } from "node:buffer";
import { invalid } from "../refusal.js";

const NESTING = 64; // objects and lists within each other
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The canonical text of a value. Its texts are well formed and its numbers integers. */
export function spellCanonical(value) {
  if (Array.isArray(value)) return `[${value.map(spellCanonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value).sort(); // by UTF-16 code units
  return `{${members.map((name) => `${JSON.stringify(name)}:${spellCanonical(value[name])}`).join(",")}}`;
}

// Found on the bytes, before anything is built of them.
function checkNesting(bytes) {
  let depth = 0;
  for (let at = 0, isText = false; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (isText && byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) isText = !isText;
    else if (!isText && (byte === 0x7b || byte === 0x5b)) depth += 1;
    else if (!isText && (byte === 0x7d || byte === 0x5d)) depth -= 1;
    if (depth > NESTING) throw invalid(`a value is nested more than ${NESTING} deep`);
  }
}

function checkValue(value) {
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw invalid("a number is no integer of 53 bits");
  if (typeof value === "string" && !value.isWellFormed()) throw invalid("a text holds a lone surrogate");
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    checkValue(name);
    checkValue(member);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw invalid("no JSON");
    throw error;
  }
}

/** The value of bytes that are its canonical JSON. Throws Refusal invalid for all others. */
export function readCanonical(bytes) {
  if (!isUtf8(bytes)) throw invalid("not UTF-8");
  checkNesting(bytes);
  const text = bytes.toString("utf8");
  const value = parse(text);
  checkValue(value);
  if (spellCanonical(value) !== text) throw invalid("not the canonical spelling"); // a member twice, -0, blanks, ...
  return value;
}
