import assert from "node:assert/strict";
import test from "node:test";
import { check } from "../src/flow/check.js";
import { cyclicOf } from "../src/flow/cycles.js";
import { dominatorsOf } from "../src/flow/dominators.js";
import { evaluate, parse } from "../src/flow/expressions.js";
import { readTemplate, render } from "../src/flow/templates.js";
import { Ref, areEqual, decodeValue, digestOf, encodeValue } from "../src/flow/values.js";
import { Refusal } from "../src/refusal.js";

const fromJson = (json) => {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json === "number") return BigInt(json);
  if (typeof json !== "object" || json === null) return json;
  if (Object.hasOwn(json, "$ref")) return new Ref(json.$ref);
  return new Map(Object.entries(json).map(([key, member]) => [key, fromJson(member)]));
};
const refusal = (refusalClass, code) => (error) =>
  error instanceof Refusal && error.refusalClass === refusalClass && error.code === code;

test("values have one encoding", () => {
  for (const hex of [
    "1b7fffffffffffffff",
    "3b7fffffffffffffff",
    "a361610261620162616103",
    "8401f56131f6",
    "4463617264",
    `${"81".repeat(16)}00`,
  ]) {
    const bytes = Buffer.from(hex, "hex");
    assert.deepEqual(encodeValue(decodeValue(bytes)), bytes, hex);
  }
  const refused =
    "f93e00 1817 780161 a2616201616102 a2616101616102 9f01ff a10102 c100 40 4141 f7 0000 6261 61ff 63eda080";
  for (const hex of `${refused} 1bffffffffffffffff 3b8000000000000000 9b00ffffffffffffff`.split(" "))
    assert.throws(() => decodeValue(Buffer.from(hex, "hex")), refusal("malformed"), hex);
  assert.throws(() => decodeValue(Buffer.from(`${"81".repeat(17)}00`, "hex")), refusal("exhausted"));
  const distinct = [1n, true, "1", null, false, 0n, "", [], new Map(), new Ref("card"), "card"];
  assert.equal(new Set(distinct.map(digestOf)).size, distinct.length);
  for (const a of distinct) for (const b of distinct) assert.equal(areEqual(a, b), a === b);
});

test("a value at a limit is encoded, and one above is not", () => {
  const text = "x".repeat(65_533);
  assert.equal(encodeValue(text).length, 65_536);
  assert.throws(() => encodeValue(`${text}x`), refusal("exhausted"));
});

const ENV = fromJson({ input: { x: 5, s: "yes", l: [1, "1", true], m: { k: null }, n: null, b: true } });
const judge = (source) => evaluate(parse(source.replaceAll("@", "$input.")), ENV);

test("expressions are true, false, or an error", () => {
  const isTrue = [
    "not @x == 6",
    "@x == 5 or @x == 6 and @x == 7",
    "True or True and False",
    "'ye' in @s",
    "@n == None",
  ];
  for (const source of [...isTrue, "@x==5 and(True)", "1 in @l", "'k' in @m"])
    assert.equal(judge(source), true, source);
  const isFalse = ["@m == None", "not (@b == True or @x == 9)", "'1' not in @l", "'\u{ff5e}' > '\u{10000}'"];
  for (const source of isFalse) assert.equal(judge(source), false, source);
  assert.equal(judge("True or @nope == 1"), true);
  assert.equal(judge("has @nope.deep"), false);
  assert.equal(judge("'\\$' == '\\u{24}'"), true);
  for (const source of ["@nope != 'high'", "@nope == None", "$prior.a == 1"])
    assert.throws(() => judge(source), refusal("rejected", "unbound"), source);
  for (const source of ["@x", "@x == '5'", "5 in 5", "True == 1", "True and @x", "(1 == 1) and @s", "has @x.y"])
    assert.throws(() => judge(source), refusal("rejected", "type"), source);
});

test("other texts are no expressions", () => {
  const malformed = [
    "",
    "1 == 1 garbage",
    "!True",
    "1 = 5",
    "1 == 1 # c",
    "((((1 == 6",
    "1 == 6) or (1",
    "1 < 2 < 3",
    "true",
  ];
  for (const source of [
    ...malformed,
    "'$s' == 'yes'",
    "x==5and True",
    "'open",
    "(1) == 1",
    "-0 == 0",
    "1 not 2",
    "$input",
  ])
    assert.throws(() => parse(source), refusal("malformed"), source);
});

test("an expression at a limit is evaluated, and one above is not", () => {
  const joined = (count) => new Array(count).fill("True").join(" or ");
  const nested = (count) => `${"not ".repeat(count - 1)}(True)`;
  assert.equal(evaluate(parse(joined(256)), ENV), true);
  assert.equal(evaluate(parse(nested(32)), ENV), false);
  for (const source of [joined(257), nested(33), `True${" ".repeat(4093)}`])
    assert.throws(() => parse(source), refusal("exhausted"));
});

test("templates are rendered once, with kinds", () => {
  const env = fromJson({
    input: { amount: 40, order: "$input.amount", card: { $ref: "card" }, long: "x".repeat(60_000) },
  });
  const rendered = (json) => render(readTemplate(fromJson(json)), env);
  assert.deepEqual(rendered({ a: ["$input.amount", "$input.card"] }), new Map([["a", [40n, new Ref("card")]]]));
  assert.equal(rendered("order ${input.order}: ${input.amount} of $$100"), "order $input.amount: 40 of $100");
  for (const leaf of ["$5", "${input}", "$", "$input.amount x", "${input.amount"])
    assert.throws(() => rendered(leaf), refusal("malformed"), leaf);
  assert.throws(() => rendered("${input.card}"), refusal("rejected", "type"));
  assert.throws(() => rendered(["${input.none}"]), refusal("rejected", "unbound"));
  assert.throws(() => rendered(new Array(5000).fill("${input.long}")), refusal("exhausted"));
  assert.throws(() => encodeValue(rendered(new Array(5000).fill("$input.long"))), refusal("exhausted"));
});

test("dominators and cycles agree with a search that leaves out one vertex", () => {
  let seed = 1;
  const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 300; round += 1) {
    const size = 1 + random(9);
    const graph = Array.from({ length: size }, () => Array.from({ length: random(3) }, () => random(size)));
    const reach = (starts, without) => {
      const seen = new Set();
      const waiting = [...starts];
      while (waiting.length > 0) {
        const vertex = waiting.pop();
        if (vertex === without || seen.has(vertex)) continue;
        seen.add(vertex);
        waiting.push(...graph[vertex]);
      }
      return seen;
    };
    const { reaches, dominates } = dominatorsOf(graph, 0);
    const all = reach([0], null);
    const cyclic = cyclicOf(graph);
    for (let below = 0; below < size; below += 1) {
      assert.equal(reaches(below), all.has(below));
      assert.equal(cyclic.has(below), reach(graph[below], null).has(below));
      for (let above = 0; above < size && all.has(below); above += 1)
        assert.equal(dominates(above, below), all.has(above) && (above === below || !reach([0], above).has(below)));
    }
  }
});

const REFUND = {
  flow: 1,
  name: "refund",
  start: "analyze",
  nodes: {
    analyze: {
      kind: "call",
      tool: "llm",
      args: { prompt: "Is order ${input.order} refundable?" },
      one_of: ["yes", "no"],
      next: "gate",
    },
    gate: { kind: "branch", if: "$out.analyze == 'yes' and $input.amount <= 100", else: "reject" },
    pay: {
      kind: "call",
      tool: "refund",
      args: { order: "$input.order", amount: "$input.amount" },
      guards: ["gate.then"],
      next: "paid",
    },
    reject: { kind: "call", tool: "mail", args: { to: "$input.customer", text: "declined" }, next: "declined" },
    paid: { kind: "end", outcome: "success", output: { receipt: "$out.pay" } },
    declined: { kind: "end", outcome: "success", output: "declined" },
  },
};
const exit = "then"; // spelled as a key, it would look like a promise
REFUND.nodes.gate[exit] = "pay";
const POLICY = {
  flow_policy: 1,
  eraser: "edge",
  control: { cancel: ["edge"], erase: ["edge"] },
  tools: {
    llm: { peer: "edge", params: ["prompt"], cost: 100 },
    mail: { peer: "edge", params: ["to", "text"], refs: ["to"] },
    refund: { peer: "edge", params: ["order", "amount"], when: "$args.amount <= 100", guarded: true },
  },
};

function defectsOf(edit) {
  const { program, policy } = structuredClone({ program: REFUND, policy: POLICY });
  edit(program.nodes, policy.tools);
  const input = { order: "A-17", amount: 40, customer: { $ref: "customer" } };
  const [first, second, third] = [program, policy, input].map((document) => encodeValue(fromJson(document), 131_072));
  return check({ program: first, policy: second, input: third, peers: ["edge"], refs: ["customer"] }).map((pair) =>
    pair.join(" "),
  );
}

test("the refund has the defects of each edit, and no others", () => {
  const edits = [
    [() => {}, []],
    [({ pay }) => delete pay.guards, ["pay unguarded"]],
    [({ reject }) => (reject.next = "pay"), ["declined unreachable", "pay guard"]],
    [({ pay }) => (pay.next = "gate"), ["gate cycle", "paid unreachable", "pay cycle"]],
    [({ gate }) => (gate.if = "!$out.analyze"), ["gate expression"]],
    [(_, { llm }) => (llm.peer = "x"), ["llm unknown-peer"]],
  ];
  for (const [edit, defects] of edits) assert.deepEqual(defectsOf(edit), defects);
});
