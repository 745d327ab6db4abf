import assert from "node:assert/strict";
import test from "node:test";
import { Spelled, parseJson, parseText, spell } from "../src/session/json.js";

const bytes = (text) => Buffer.from(text, "latin1");
const round = (text) => spell(parseText(text));

test("a number keeps its spelling", () => {
  for (const number of ["0", "-0", "2.50", "1e3", "1E+09", "-0.0e-0", "1".repeat(32)])
    assert.equal(round(number), number);
  const spelled = ["12", "-0", "1.0", "1e3"].map((number) => new Spelled(number));
  assert.deepEqual(
    spelled.map(({ isInteger, natural }) => [isInteger, natural]),
    [
      [true, 12],
      [true, Number.NaN],
      [false, Number.NaN],
      [false, Number.NaN],
    ],
  );
});

test("members are in the order of UTF-16 code units, and texts have one spelling", () => {
  assert.equal(round('{ "b" : 2.50, "a" : "\\u00e9\\/" }'), '{"a":"é/","b":2.50}');
  assert.equal(round('{"\uffff":1,"\u{10000}":2,"__proto__":3}'), '{"__proto__":3,"\u{10000}":2,"\uffff":1}');
  assert.equal(
    round('"\\u0000\\b\\t\\n\\f\\r\\u001f\\u007f\\"\\\\\\ud83d\\ude00"'),
    '"\\u0000\\b\\t\\n\\f\\r\\u001f\x7f\\"\\\\😀"',
  );
});

test("other bytes are not JSON", () => {
  const texts = [
    '01 +1 .5 1. 1e - NaN Infinity truth nul \'a\' [ ] { } [1,] {,} {"a"} {"a":1,} {1:1}'.split(" "),
    ["", " ", "1 1", "[1 1", "1\v", "1\0", "\xef\xbb\xbf1", '"\xff"', '"\xed\xa0\x80"', '"\xc0\x80"', '"a\n"', '"a'],
    ['"\\ud800"', '"\\udc00"', '"\\udc00\\ud800"', '"\\ud800x"', '"\\ud800\\u0041"', '"\\x"', '"\\u00e"', '"\\u+0e9"'],
    ['{"a":1,"a":1}', '{"a":1,"\\u0061":1}', "1".repeat(33), "\\"],
  ].flat();
  for (const text of texts) assert.equal(parseJson(bytes(text)), undefined, text);
});

test("32 objects and arrays may be nested in each other, and a million are refused", () => {
  const nested = (depth) => `${"[".repeat(depth)}1${"]".repeat(depth)}`;
  assert.equal(round(nested(32)), nested(32));
  assert.equal(parseText(nested(33)), undefined);
  assert.equal(spell(parseText(nested(64), 64)), nested(64));
  assert.equal(parseText(nested(65), 64), undefined);
  assert.equal(parseText('{"a":'.repeat(1_000_000)), undefined);
});
