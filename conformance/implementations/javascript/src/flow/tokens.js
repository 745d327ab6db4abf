// The tokens of expressions.

import { exhausted, malformed } from "../refusal.js";
import { isInt } from "./values.js";

const BYTES = 4096;
const TOKENS = 512;

/** A path, without the `$` of a var, as the source of a regular expression. */
export const PATH = "(?:input|out|prior|args|dep|tool)(?:\\.[A-Za-z_][A-Za-z0-9_]{0,62}){1,8}";

const WORDS = new Set(["and", "or", "not", "in", "has", "True", "False", "None"]);
const BLANKS = /[ \t\r\n]*/y;
const SIGNS = /[=!<>]=|[<>()]/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const INT = /0|-?[1-9][0-9]*/y;
const VAR = new RegExp(`\\$(${PATH})`, "y");
const ESCAPE = String.raw`\\(?:[\\'"nt$]|u\{[0-9a-f]{1,6}\})`;
const plain = (quote) => `[^\\\\$${quote}\\x00-\\x1f\\x7f]`;
const TEXTS = ["'", '"'].map((quote) => new RegExp(`${quote}((?:${plain(quote)}|${ESCAPE})*)${quote}`, "uy"));
const JOINED = /[A-Za-z0-9_.$'"]/;

/** The segments of a path: the namespace, then keys. */
export const segmentsOf = (path) => path.split(".");

function scalarOf(hex) {
  const code = Number.parseInt(hex, 16);
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
    throw malformed("an escape that is no Unicode scalar value");
  return String.fromCodePoint(code);
}

function unescaped(text) {
  return text.replace(new RegExp(ESCAPE, "gu"), (spelled) => {
    const letter = spelled[1];
    if (letter === "u") return scalarOf(spelled.slice(3, -1));
    return { n: "\n", t: "\t" }[letter] ?? letter;
  });
}

function intOf(digits) {
  if (digits.length > 20 || !isInt(BigInt(digits))) throw malformed("an int beyond 64 bits");
  return BigInt(digits);
}

class Scanner {
  at = 0;

  constructor(source) {
    this.source = source;
  }

  #match(pattern) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match !== null) this.at += match[0].length;
    return match;
  }

  #literal() {
    const int = this.#match(INT);
    if (int !== null) return { type: "literal", value: intOf(int[0]) };
    const found = this.#match(VAR);
    if (found !== null) return { type: "var", path: segmentsOf(found[1]) };
    const text = this.#match(TEXTS[0]) ?? this.#match(TEXTS[1]);
    if (text !== null) return { type: "literal", value: unescaped(text[1]) };
    const word = this.#match(WORD)?.[0];
    if (!WORDS.has(word)) throw malformed("a character or a word outside the grammar");
    return { type: word };
  }

  #next() {
    const sign = this.#match(SIGNS);
    if (sign !== null) return { type: sign[0] };
    const token = this.#literal();
    if (JOINED.test(this.source[this.at] ?? "")) throw malformed("a token is not separated from the next one");
    return token;
  }

  /** All tokens. */
  all() {
    const tokens = [];
    for (this.#match(BLANKS); this.at < this.source.length; this.#match(BLANKS)) {
      if (tokens.length === TOKENS) throw exhausted(`more than ${TOKENS} tokens`);
      tokens.push(this.#next());
    }
    return tokens;
  }
}

/**
 * The tokens of an expression: {type, value} of a literal, {type, path} of a var, and {type} of a word or a sign.
 * Throws Refusal malformed or exhausted. Spec: flow.expr.whole-input, .literals, .limits.
 */
export function scan(source) {
  if (Buffer.byteLength(source) > BYTES) throw exhausted(`more than ${BYTES} bytes`);
  if (!source.isWellFormed()) throw malformed("a lone surrogate");
  return new Scanner(source).all();
}
