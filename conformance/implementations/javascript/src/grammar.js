// The grammar of texts in objects, for both formats. Texts are JavaScript strings without lone surrogates, which map
// one to one to UTF-8; every bound counts UTF-8 bytes.

import { isUtf8 } from "node:buffer";
import { invalid } from "./refusal.js";

const ASCII_NAME = /^[\x20-\x2e\x30-\x7e]+$/;
const ASCII_VALUE = /^[\x20-\x7e]*$/;
const KEY = /^[\x21-\x7e]+$/;
const UTF8_NAME = /^[^\u0000-\u001f\u007f-\u009f/]+$/;
const UTF8_VALUE = /^[^\u0000-\u001f\u007f-\u009f]*$/;

const text = (what, most, pattern) => ({ what, most, pattern });

/** Texts of framed-sha256. Spec: grit.name.grammar, grit.header.grammar, grit.framed.ascii. */
export const ASCII = Object.freeze({
  name: text("name", 255, ASCII_NAME),
  key: text("header key", 64, KEY),
  value: text("header value", 65_535, ASCII_VALUE),
});

/** Texts of cbor-blake3. Spec: grit.name.grammar, grit.header.grammar. */
export const UTF8 = Object.freeze({
  name: text("name", 255, UTF8_NAME),
  key: text("header key", 64, KEY),
  value: text("header value", 65_535, UTF8_VALUE),
});

function check({ what, most, pattern }, value, size) {
  if (size > most) throw invalid(`a ${what} of ${size} bytes, at most ${most} are allowed`);
  // `$` without the m flag matches at the very end only, so a final line feed does not slip through.
  if (!pattern.test(value)) throw invalid(`a ${what} is outside its grammar`);
  if (what === "name" && (value === "." || value === "..")) throw invalid("a name is . or ..");
}

/** Check a text and give its UTF-8 bytes. Throws Refusal invalid. */
export function textBytes(grammar, value) {
  if (!value.isWellFormed()) throw invalid(`a ${grammar.what} has a lone surrogate`);
  const bytes = Buffer.from(value, "utf8");
  check(grammar, value, bytes.length);
  return bytes;
}

/** Check the bytes of a text and give the text. Nothing is replaced. Throws Refusal invalid. Spec: grit.cbor.utf8. */
export function textOf(grammar, bytes) {
  if (bytes.length > grammar.most) throw invalid(`a ${grammar.what} has ${bytes.length} bytes`);
  if (!isUtf8(bytes)) throw invalid(`a ${grammar.what} is not UTF-8`);
  const value = bytes.toString("utf8");
  check(grammar, value, bytes.length);
  return value;
}
