import assert from "node:assert/strict";
import test from "node:test";
import { measure } from "../src/flow/metrics.js";
import { encodeValue } from "../src/flow/values.js";
import { refusalOf } from "./objects.js";

const event = (e, about) => new Map(Object.entries({ e, ...about }));
const entered = (node) => event("entered", { node, visit: 1n });
const measured = (events, baselines = []) => measure(encodeValue(events, Number.POSITIVE_INFINITY), baselines);
const ofPath = (path, baselines) => measured(path.split(" ").map(entered), baselines);
const digest = (letter) => letter.repeat(64);

test("the metrics of paths", () => {
  const paths = [
    ["a b c d e f g", 0, [0, 1]],
    ["a b a b a b a c", 463_587, [5, 8]],
    ["read edit test edit test edit test done", 393_555, [1, 2]],
    ["rewrite retry rewrite rollback retry patch retry", 666_667, [3, 7]],
  ];
  for (const [path, entropy, density] of paths) {
    const { transition_entropy, rollback_density } = ofPath(path);
    assert.deepEqual([transition_entropy, rollback_density], [entropy, density], path);
  }
  const [last] = paths.at(-1);
  assert.deepEqual(ofPath(last, [["read", "validate", "patch", "test"]]).path_variance, [6, 7]);
  assert.deepEqual(ofPath(last, [["rewrite"], last.split(" ")]).path_variance, [3, 7]);
});

test("an entropy that is a half is rounded up", () => {
  const branching = "s x s x s x s y s y s y"; // 6 pairs that begin with s, 3 to each successor
  const others = Array.from({ length: 245 }, (_, i) => `n${i}`).join(" ");
  assert.equal(ofPath(`${others} ${branching}`).transition_entropy, 23_438);
});

test("the change points of the text", () => {
  const series = [
    ["0".repeat(20) + "1".repeat(10), 20, 17_302],
    ["0".repeat(10) + "1".repeat(10), 10, 11_015],
    ["01".repeat(15), 1, -847],
    ["0".repeat(30), 1, -2321],
    ["0000000001011011", 9, 2943],
  ];
  for (const [bits, at, millibits] of series) {
    const path = [...bits].map((bit, i) => entered(bit === "1" ? "n0" : `n${i}`));
    assert.deepEqual(
      measured(path).change_point,
      { at, millibits: String(millibits), detected: millibits >= 4322 },
      bits,
    );
  }
  assert.equal(measured([entered("a")]).change_point, null);
  assert.equal(measured(new Array(4097).fill(entered("a"))).change_point, null);
  assert.notEqual(measured(new Array(4096).fill(entered("a"))).change_point, null);
});

test("calls and what they return", () => {
  const results = [..."11211"].map((args, i) => [args, "xxxyy"[i]]);
  const events = results.flatMap(([args, value], i) => [
    event("called", { node: "n", tool: "edit", attempt: BigInt(i + 1), args: digest(args) }),
    event("settled", { node: "n", attempt: 1n, outcome: "ok", usage: 5n, value: digest(value) }),
  ]);
  const bad = event("settled", { node: "m", attempt: 1n, outcome: "bad", usage: 1n });
  const metrics = measured([...events, bad]);
  assert.deepEqual(metrics.tool_churn, [2, 5]);
  assert.deepEqual(metrics.retry_rate, [4, 5]);
  assert.deepEqual(metrics.invariant_violation_rate, [1, 11]);
  assert.deepEqual(metrics.usage, [{ node: "n", calls: 5, tokens: "25" }]);
});

/** Traces of one event each, of which one member is absent, unknown or of another form. */
function nearly() {
  const settled = { node: "a", attempt: 1n, outcome: "ok", usage: 1n, value: digest("a") };
  const { value, ...without } = settled;
  return [
    event("settled", without),
    event("settled", { ...settled, outcome: "bad" }),
    event("settled", { ...settled, sub: "A" }),
    event("denied", { node: "a", tool: "t", why: "timeout" }),
    event("fired", { node: "a", why: "when" }),
    event("failed", { node: "a", failure: new Map() }),
    event("failed", {
      node: "a",
      failure: new Map([
        ["class", "x"],
        ["node", "a"],
      ]),
    }),
    event("cut", { why: "x" }),
    event("admitted", { program: "a", policy: digest("a"), input: digest("a") }),
    event("rejected", { defects: [] }),
  ].map((each) => [each]);
}

test("other bytes are refused", () => {
  for (const events of [new Map(), [event("entered", { node: "a" })], [event("other", {})], [1n]].concat(nearly()))
    assert.equal(
      refusalOf(() => measured(events)),
      "malformed",
    );
  assert.equal(
    refusalOf(() => measure(Buffer.alloc(0), [])),
    "malformed",
  );
  assert.deepEqual(measured([]).usage, []);
});
