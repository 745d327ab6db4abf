import assert from "node:assert/strict";
import test from "node:test";
import { References, splitName } from "../src/references.js";

const ID = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

test("names within the grammar", () => {
  const long = "a".repeat(200);
  for (const name of ["tags/a", "a-1/0", "x/a.b_c-d", `heads/${ID}`, `failed/${ID}`, "runtime/agent", `tags/${long}`]) {
    assert.deepEqual(splitName(name), name.split("/"), name);
  }
});

test("names outside the grammar", () => {
  const zero = "0".repeat(64);
  const long = "a".repeat(201);
  const bad = [
    "",
    "a",
    "/a",
    "a/",
    "a/b/c",
    "A/b",
    "a/B",
    "1/a",
    "a/.b",
    "a/b.",
    "a/b..c",
    "a/é",
    "a/b\n",
    "runtime/x",
  ];
  const noIds = [`heads/${zero}`, "heads/a", `failed/${ID}0`, `heads/${ID.toUpperCase()}`, `tags/${long}`, `${long}/a`];
  for (const name of [...bad, ...noIds]) assert.equal(splitName(name), null, name);
});

test("pages of references", () => {
  const references = new References();
  references.apply(["b/1", "a/2", "a/1", "a/10"].map((name) => [name, ID]));
  const names = (...page) => references.list(...page).refs.map(([name]) => name);
  assert.deepEqual(names("", null, 9), ["a/1", "a/10", "a/2", "b/1"]);
  assert.deepEqual(names("a/", "a/1", 9), ["a/10", "a/2"]);
  assert.deepEqual(names("", "a/11", 9), ["a/2", "b/1"]);
  assert.deepEqual(names("b", "a", 9), ["b/1"]);
  assert.deepEqual(names("a", "b", 9), []);
  assert.deepEqual(names("é", null, 9), []);
  assert.equal(references.list("a", null, 3).more, false);
  assert.equal(references.list("a", null, 2).more, true);
  references.apply([["a/2", null]]);
  assert.deepEqual(names("", "a/10", 9), ["b/1"]);
});
