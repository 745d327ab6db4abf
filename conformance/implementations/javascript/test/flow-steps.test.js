import assert from "node:assert/strict";
import test from "node:test";
import { readValue } from "../src/flow/documents.js";
import { replay } from "../src/flow/replay.js";
import { Ref, encodeValue, hashOf } from "../src/flow/values.js";
import { askStep } from "../src/wit/queries.js";
import { cbor, chapter, framed } from "./objects.js";
import { Bench } from "./rounds.js";

const FORMATS = [framed, cbor];
const TEXT = chapter("flow/examples");
const REFUND_TEXT = TEXT.slice(TEXT.indexOf("*Refund.*"));

/** The beginning of an id of the text: of a row of a table, in both formats. */
function idOf(row, format, text = TEXT) {
  const [, ...ids] = text.match(new RegExp(`\\* - ${row}\\n +- ([0-9a-f]{16})\\n +- ([0-9a-f]{16})`));
  return ids[FORMATS.indexOf(format)];
}

const fromJson = (json) => {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json === "number") return BigInt(json);
  if (typeof json !== "object" || json === null) return json;
  if (Object.hasOwn(json, "$ref")) return new Ref(json.$ref);
  return new Map(Object.entries(json).map(([key, member]) => [key, fromJson(member)]));
};

const toJson = (value) => {
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "bigint") return Number(value);
  if (!(value instanceof Map)) return value instanceof Ref ? { $ref: value.name } : value;
  return Object.fromEntries([...value].map(([key, member]) => [key, toJson(member)]));
};

const END = { kind: "end", outcome: "success" };
const program = (name, start, nodes, limits) => ({ flow: 1, name, start, nodes, ...(limits ? { limits } : {}) });

/** A flow of the text, and its one peer, the agent `test`. */
class Play {
  constructor(format, entries = {}) {
    const bench = new Bench(format);
    const edge = bench.tree({ name: bench.blob("test", [["ct", "s"]]) });
    const wit = bench.blob("external:flow/1", [["ct", "s"]]);
    Object.assign(this, { bench, edge, wit, extra: entries, head: null, sent: null });
  }

  static async begin(format, source, policy, { input = {}, refs, ...entries } = {}) {
    const play = new Play(format, entries);
    const { bench, edge, wit } = play;
    const usesPeers = JSON.stringify(policy).includes("edge");
    play.program = play.document(source);
    play.policy = bench.tree({ doc: play.document(policy), ...(usesPeers ? { peers: bench.tree({ edge }) } : {}) });
    play.actor = bench.tree({
      wit,
      wit_query: wit,
      name: bench.blob("1", [["ct", "s"]]),
      program: play.program,
      policy: play.policy,
      input: play.document(input),
      ...(refs ? { refs: bench.tree(Object.fromEntries(refs.map(([name, data]) => [name, play.sealed(data)]))) } : {}),
      ...entries,
    });
    await play.send("genesis", play.actor);
    return play;
  }

  document = (json) => this.bench.blob(encodeValue(fromJson(json), 131_072), [["ct", "cbor"]]);
  sealed = (data) => this.bench.blob(data, [["ct", "sealed"]]);

  queue(mt, content, headers = []) {
    this.sent = this.bench.message(this.sent, [["mt", mt], ...headers], content);
  }

  async read() {
    this.head = await this.bench.run(this.actor, this.head, [[this.edge, this.sent]]);
  }

  async send(mt, content, headers) {
    this.queue(mt, content, headers);
    await this.read();
  }

  /** The packet that is open under a key of `sent` or `timers`. */
  open(tree, key) {
    const id = this.bench.entries(this.bench.step(this.head).core)[tree];
    return key === undefined ? id : this.bench.entries(id)[key];
  }

  packet(json, entries) {
    return this.bench.tree({ doc: this.document(json), ...entries });
  }

  async answer(json, key) {
    const doc = { attempt: 1, outcome: "error" in json ? "error" : "ok", ...json };
    await this.send("flow.result", this.packet(doc, { request: this.open("sent", key) }));
  }

  async fire(key) {
    await this.send("flow.fired", this.bench.tree({ timer: this.open("timers", key) }));
  }

  query(name) {
    return askStep(this.bench.workspace, this.head, name, Buffer.alloc(0));
  }

  json(name) {
    return toJson(readValue(this.bench.read(this.query(name)), Number.POSITIVE_INFINITY));
  }

  get state() {
    return this.json("state");
  }

  get trace() {
    const { data } = this.bench.read(this.query("trace"));
    return [data.length, hashOf(data).slice(0, 16)];
  }

  get ignored() {
    return this.state.log.filter(({ e }) => e === "ignored").map(({ why }) => why);
  }
}

const short = (id) => id.slice(0, 16);
const both = (title, work) => {
  for (const format of FORMATS) test(`${title} in ${format.name}`, () => work(format));
};

both("the smallest flow", async (format) => {
  const play = await Play.begin(format, program("n", "e", { e: END }), { flow_policy: 1, tools: {} });
  assert.equal(short(play.wit), idOf("the code node", format));
  assert.equal(short(play.query("wut")), idOf("the wut", format));
  assert.equal(play.bench.read(play.query("wut")).data.length, 501);
  assert.equal(short(play.program), idOf("program", format));
  assert.equal(short(play.policy), idOf("policy", format));
  assert.equal(short(play.actor), idOf("flow", format));
  assert.equal(short(play.head), idOf("step 1", format));
  assert.deepEqual(play.trace, [283, "e3ede95edaf01e0a"]);
  assert.equal(play.query("other"), null);
  assert.deepEqual(play.json("accepts"), []);
});

const REFUND = program("refund", "analyze", {
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
  paid: { ...END, output: { receipt: "$out.pay" } },
  declined: { ...END, output: "declined" },
});
const exit = "then"; // spelled as a key, it would look like a promise
REFUND.nodes.gate[exit] = "pay";
const REFUND_POLICY = {
  flow_policy: 1,
  eraser: "edge",
  control: { cancel: ["edge"], erase: ["edge"] },
  tools: {
    llm: { peer: "edge", params: ["prompt"], cost: 100 },
    mail: { peer: "edge", params: ["to", "text"], refs: ["to"] },
    refund: { peer: "edge", params: ["order", "amount"], when: "$args.amount <= 100", guarded: true },
  },
};
const CUSTOMER = Buffer.concat([
  Buffer.from(Array.from({ length: 16 }, (_, i) => i)),
  Buffer.from("4111 1111 1111 1111"),
]);
const ORDER = { order: "A-17", amount: 40, customer: { $ref: "customer" } };
const refund = (format, source = REFUND, input = ORDER) =>
  Play.begin(format, source, REFUND_POLICY, { input, refs: [["customer", CUSTOMER]] });

both("the refund", async (format) => {
  const play = await refund(format);
  assert.equal(short(play.program), idOf("program, 522 bytes", format));
  assert.equal(short(play.policy), idOf("policy, its document 218 bytes", format));
  assert.equal(short(play.actor), idOf("flow", format, REFUND_TEXT));
  assert.equal(short(play.open("sent")), idOf("key of ``analyze``", format));
  assert.equal(short(play.head), idOf("step 1", format, REFUND_TEXT));
  await play.answer({ value: "yes", usage: 120 });
  assert.equal(short(play.open("sent")), idOf("key of ``pay``", format));
  assert.equal(short(play.head), idOf("step 2", format));
  await play.answer({ value: "R-1" });
  assert.equal(short(play.head), idOf("step 3", format));
  assert.deepEqual(play.trace, [869, "d1fac03119384e11"]);
});

both("the refund that is declined, erased or denied", async (format) => {
  const declined = await refund(format);
  await declined.answer({ value: "no", usage: 120 });
  await declined.answer({ value: "R-1" });
  assert.deepEqual(declined.trace, [883, "576f64ce6a53f127"]);
  assert.equal(declined.state.output, "declined");
  const erased = await refund(format);
  await erased.send("flow.erase", erased.packet({ refs: ["customer"] }, { flow: erased.actor }));
  await erased.answer({ value: "no", usage: 120 });
  assert.deepEqual(erased.trace, [737, "b22a8ab0abae5e23"]);
  assert.deepEqual(erased.state.failure, { class: "denied", node: "reject", why: "erased" });
  const open = structuredClone(REFUND);
  open.nodes.gate.if = "True";
  const denied = await refund(format, open, { ...ORDER, amount: 500 });
  await denied.answer({ value: "yes" });
  assert.deepEqual(denied.state.failure, { class: "denied", node: "pay", why: "when" });
  const maybe = await refund(format);
  await maybe.answer({ value: "maybe" });
  assert.deepEqual(maybe.state.failure, { class: "not-allowed", node: "analyze" });
});

const toolPolicy = (params, more = {}, tool = {}) => ({
  flow_policy: 1,
  tools: { t: { peer: "edge", params, ...tool } },
  ...more,
});

both("a call that is tried again", async (format) => {
  const a = {
    kind: "call",
    tool: "t",
    args: { n: 1 },
    retry: { max_attempts: 3, backoff_ms: 200 },
    timeout_ms: 1000,
    next: "e",
  };
  const policy = toolPolicy(["n"], { timer: "edge" }, { cost: 7 });
  const play = await Play.begin(format, program("retry", "a", { a, e: END }), policy);
  assert.equal(short(play.open("sent")), idOf("Retry: the key", format));
  await play.fire("a");
  assert.equal(play.state.flight.a.phase, "backoff");
  await play.fire("a");
  await play.answer({ attempt: 2, value: 5, usage: 3 });
  assert.equal(short(play.head), idOf("Retry: step 4", format));
  assert.equal(play.state.tokens, 10);
  assert.deepEqual(play.trace, [840, "a4c71d81245aef6d"]);
});

const sub = (args, more = {}) => ({ tool: "t", args, ...more });
const PARALLEL = program("par", "p", {
  p: {
    kind: "parallel",
    calls: {
      a: sub({ x: 1 }),
      b: sub({ x: 2 }, { optional: true }),
      c: sub({ x: 3 }),
      d: sub({ x: "$dep.a", y: "$dep.b" }, { depends_on: ["a", "b"] }),
    },
    next: "e",
  },
  e: { ...END, output: "$out.p" },
});

both("a parallel", async (format) => {
  const play = await Play.begin(format, PARALLEL, toolPolicy(["x", "y"]));
  await play.answer({ value: "a" }, "a");
  await play.answer({ error: { class: "no", retry: false } }, "b");
  assert.equal(short(play.open("sent", "d")), idOf("Parallel: the key of d", format));
  await play.answer({ value: "c" }, "c");
  await play.answer({ value: "d" }, "d");
  assert.equal(short(play.head), idOf("Parallel: step 5", format));
  assert.deepEqual(play.trace, [1221, "461b642503000fcc"]);
  assert.deepEqual(play.state.output, { a: "a", b: null, c: "c", d: "d" });
});

both("a wait", async (format) => {
  const nodes = { w: { kind: "wait", event: "go", next: "e" }, e: { ...END, output: "$out.w" } };
  const policy = { flow_policy: 1, tools: {}, events: { go: ["edge"] } };
  const play = await Play.begin(format, program("wait", "w", nodes), policy);
  assert.equal(short(play.actor), idOf("Wait: the flow", format));
  assert.deepEqual(play.json("accepts"), [{ mt: "flow.event", node: "w", peers: ["edge"], visit: 1, event: "go" }]);
  for (const visit of [2, 1]) {
    const bound = { flow: play.actor, program: play.program, policy: play.policy };
    await play.send("flow.event", play.packet({ node: "w", visit, event: "go", value: 1 }, bound));
    if (visit === 2) assert.deepEqual(play.ignored, ["wrong-binding"]);
  }
  assert.equal(short(play.head), idOf("Wait: step 3", format));
  assert.deepEqual(play.trace, [434, "b7b19a36d5dc0475"]);
});

const LOOP = {
  a: { kind: "call", tool: "t", args: {}, next: "b" },
  b: { kind: "branch", if: "$out.a == 'again'", [exit]: "a", else: "e" },
  e: END,
};

both("a flow that is continued", async (format) => {
  const policy = toolPolicy(["v"], { limits: { max_replans: 1 }, control: { replan: ["edge"] } });
  const play = await Play.begin(format, program("b", "a", LOOP, { max_calls: 1, max_visits: 5 }), policy);
  await play.answer({ value: "again" });
  assert.deepEqual(play.state.failure, { class: "calls", node: "a" });
  const nodes = { x: { kind: "call", tool: "t", args: { v: "$prior.a" }, next: "e" }, e: { ...END, output: "$out.x" } };
  const plan = play.document(program("b2", "x", nodes));
  const packet = play.bench.tree({ flow: play.actor, program: plan });
  await play.send("flow.replan", packet);
  assert.equal(short(play.head), idOf("Replan: step 3 of the first flow", format));
  const successor = play.open("next");
  assert.equal(short(successor), idOf("Replan: the successor", format));
  await play.send("flow.replan", packet);
  assert.deepEqual(play.ignored, ["already-continued"]);
  const heir = Object.assign(new Play(format), play, { actor: successor, head: null });
  const sent = play.bench.step(play.head).outbox.get(successor);
  heir.head = await heir.bench.run(successor, null, [[play.actor, play.bench.read(sent).previous]]);
  assert.deepEqual([heir.state.status, heir.json("accepts")], ["planned", [{ mt: "flow.start" }]]);
  heir.head = await heir.bench.run(successor, heir.head, [[play.actor, sent]]);
  heir.sent = null;
  await heir.answer({ value: 9 });
  assert.deepEqual(heir.trace, [540, "5d884427f27aaa59"]);
  assert.equal(short(heir.head), idOf("Replan: step 3 of the successor", format));
});

test("a loop ends at each limit", async () => {
  const ends = [
    [{ max_stalled: 3 }, "stalled", { class: "stalled", node: "b" }, 5, 3],
    [{ max_steps: 5 }, "budget_exceeded", { class: "steps", node: "b" }, 5, 3],
    [{ max_calls: 2 }, "budget_exceeded", { class: "calls", node: "a" }, 5, 2],
    [{ max_visits: 2 }, "budget_exceeded", { class: "visits", node: "a" }, 4, 2],
  ];
  for (const [limits, status, failure, steps, calls] of ends) {
    const play = await Play.begin(framed, program("b", "a", LOOP, { max_visits: 50, ...limits }), toolPolicy(["v"]));
    while (play.state.status === "running") await play.answer({ value: "again" });
    const { state } = play;
    assert.deepEqual([state.status, state.failure, state.steps, state.calls], [status, failure, steps, calls]);
  }
});

test("a replay finds the first step that is not the result of the transition", async () => {
  for (const format of FORMATS) {
    const play = await refund(format);
    await play.answer({ value: "yes" });
    await play.send("genesis", play.actor); // a duplicate
    await play.answer({ value: "R-1" });
    const { bench } = play;
    bench.workspace.keep();
    assert.deepEqual(await replay(bench.store, play.head), { steps: 4, differs: null });
    const { core, ...others } = bench.step(play.head);
    const { state, ...entries } = bench.entries(core);
    const forged = { ...toJson(readValue(bench.read(state))), tokens: 0 };
    const edited = bench.writeStep({ ...others, core: bench.tree({ ...entries, state: play.document(forged) }) });
    const empty = bench.writeStep({ ...bench.step(play.head), previous: play.head });
    const cut = bench.writeStep({ ...bench.step(play.head), previous: null });
    bench.workspace.keep();
    assert.deepEqual(await replay(bench.store, edited), { steps: 4, differs: 3 });
    assert.deepEqual(await replay(bench.store, empty), { steps: 5, differs: 4 });
    assert.deepEqual(await replay(bench.store, cut), { steps: 1, differs: 0 });
    await assert.rejects(replay(bench.store, play.actor), { refusalClass: "invalid" });
    await assert.rejects(replay(bench.store, "1".repeat(64)), { refusalClass: "missing" });
  }
});

both("the same messages have the same step, alone and together", async (format) => {
  const play = await Play.begin(format, PARALLEL, toolPolicy(["x", "y"]));
  const [a, b] = ["a", "b"].map((key) => play.open("sent", key));
  const first = play.head;
  const result = (request, json) => play.packet({ attempt: 1, ...json }, { request });
  play.queue("flow.result", result(a, { outcome: "pending" }));
  play.queue("flow.result", result(b, { outcome: "error", error: { class: "no", retry: true } }));
  play.queue("other", a);
  play.queue("flow.result", result(a, { outcome: "ok", value: [1] }));
  await play.read();
  const { log, ...together } = play.state;
  const { outbox } = play.bench.step(play.head);
  const again = play.head;
  play.head = first;
  await play.read();
  assert.equal(play.head, again);
  play.head = first;
  const logs = [];
  const messages = [];
  for (let id = play.sent; messages.length < 4; id = play.bench.read(id).previous) messages.unshift(id);
  for (const id of messages) {
    play.sent = id;
    await play.read();
    logs.push(...play.state.log);
  }
  const { log: _, ...alone } = play.state;
  assert.deepEqual([alone, logs], [together, log]);
  assert.deepEqual(play.bench.step(play.head).outbox, outbox);
  assert.deepEqual(
    log.map(({ e }) => e),
    ["pending", "settled", "failed", "ignored", "settled", "called"],
  );
  assert.deepEqual(play.state.flight, { c: { phase: "called", attempt: 1 }, d: { phase: "called", attempt: 1 } });
});

const CALL = { kind: "call", tool: "t", args: {}, next: "e" };
const oneCall = (format, policy = {}, tool = {}, call = {}, limits) =>
  Play.begin(format, program("one", "a", { a: { ...CALL, ...call }, e: END }, limits), toolPolicy([], policy, tool));

test("a message that does not fit is ignored for the first reason", async () => {
  const control = { cancel: ["edge"], erase: ["edge"], replan: ["edge"] };
  const play = await oneCall(framed, { control, timer: "edge", eraser: "edge", agent: "edge" });
  const { bench, actor, edge } = play;
  const request = play.open("sent");
  const ofFlow = (flow) => bench.tree({ flow });
  const result = (json, entries = { request }) => play.packet({ outcome: "ok", value: 1, ...json }, entries);
  const cases = [
    ["", "", ofFlow(actor), "unknown-message"],
    ["genesis", "", edge, "unknown-message"],
    ["flow.result", "", bench.blob(""), "malformed"],
    ["flow.result", "", bench.tree({ request }), "malformed"],
    ["flow.result", "", result({ attempt: -1 }), "malformed"],
    ["flow.result", "", result({ attempt: 1 }, { request: edge }), "unknown-request"],
    ["flow.result", "", result({ attempt: 0 }), "wrong-attempt"],
    ["flow.result", "", result({ attempt: 2 }), "wrong-attempt"],
    ["flow.fired", "", ofFlow(actor), "malformed"],
    ["flow.fired", "", bench.tree({ timer: request }), "stale-timer"],
    ["flow.event", "", bench.tree({ flow: actor }), "malformed"],
    ["flow.cancel", "", bench.tree({ flow: actor, more: edge }), "malformed"],
    ["flow.cancel", "", ofFlow(edge), "wrong-binding"],
    ["flow.erase", "", play.packet({ refs: [] }, { flow: actor }), "malformed"],
    ["flow.erase", "", play.packet({ refs: ["bb", "a"] }, { flow: actor }), "malformed"],
    ["flow.erase", "", play.packet({ refs: ["a"] }, { flow: actor }), "unknown-ref"],
    ["flow.replan", "", bench.tree({ program: play.program, flow: actor }), "not-interrupted"],
    ["flow.start", "", ofFlow(actor), "not-planned"],
    ["flow.erased", "", bench.tree({ request }), "unknown-request"],
    ["receipt", "", edge, "malformed"],
    ["receipt", "0".repeat(64), edge, "unknown-request"],
    ["receipt", play.sent, edge, "unknown-request"],
  ];
  for (const [mt, reply, content, reason] of cases) {
    await play.send(mt, content, reply === "" ? [] : [["reply", reply]]);
    assert.deepEqual(play.state.log, [{ e: "ignored", why: reason }], mt);
  }
  assert.equal(play.open("sent"), request);
  await play.send("flow.cancel", ofFlow(actor));
  assert.deepEqual(play.state.failure, { class: "cancelled", node: "a" });
  await play.send("flow.cancel", ofFlow(actor));
  assert.deepEqual(play.ignored, ["terminal"]);
});

test("other senders do not settle a call or control a flow", async () => {
  const play = await oneCall(framed, { timer: "edge" });
  const { bench } = play;
  const stranger = bench.tree({ name: bench.blob("stranger") });
  const result = play.packet({ attempt: 1, outcome: "ok", value: 1 }, { request: play.open("sent") });
  const messages = [
    ["flow.result", result],
    ["flow.fired", bench.tree({ timer: stranger })],
    ["flow.cancel", bench.tree({ flow: play.actor })],
    ["flow.erase", play.packet({ refs: ["a"] }, { flow: play.actor })],
    ["flow.replan", bench.tree({ flow: play.actor, program: play.program })],
    ["flow.erased", bench.tree({ request: stranger })],
  ];
  for (const [mt, content] of messages) {
    const id = bench.message(null, [["mt", mt]], content);
    const head = await bench.run(play.actor, play.head, [[stranger, id]]);
    const there = Object.assign(new Play(framed), play, { head });
    assert.deepEqual(there.state.log, [{ e: "ignored", why: "wrong-sender" }], mt);
  }
});

test("a receipt fails the open call, and a late one is ignored", async () => {
  const retry = { max_attempts: 2 };
  const play = await oneCall(framed, { agent: "edge" }, { cost: 3 }, { retry });
  const call = () => play.bench.step(play.head).outbox.get(play.edge);
  const first = call();
  await play.answer({ error: { class: "busy", retry: true } });
  assert.equal(play.state.flight.a.attempt, 2);
  const receipt = (reply) => play.send("receipt", play.edge, [["reply", reply]]);
  await receipt(first);
  assert.deepEqual(play.ignored, ["unknown-request"]);
  assert.deepEqual(
    play.json("accepts").map(({ mt, attempts }) => [mt, attempts]),
    [
      ["flow.result", 2],
      ["receipt", undefined],
    ],
  );
  await receipt(call());
  assert.deepEqual(play.state.failure, { class: "undeliverable", node: "a" });
  assert.deepEqual([play.state.tokens, play.state.reserved], [6, 0]);
});

test("results that are bad, late or pending", async () => {
  const call = { retry: { max_attempts: 3, backoff_ms: 20_000 }, timeout_ms: 5 };
  const begin = () => oneCall(framed, { timer: "edge" }, { cost: 7 }, call);
  const bad = await begin();
  await bad.answer({ value: { $ref: "unknown" }, usage: 1 });
  assert.deepEqual([bad.state.failure, bad.state.tokens], [{ class: "bad-result", node: "a" }, 7]);
  const late = await begin();
  await late.fire("a");
  await late.answer({ error: { class: "x", retry: true } });
  assert.deepEqual(late.ignored, ["stale-attempt"]);
  await late.answer({ value: 1, usage: 2 });
  assert.deepEqual([late.state.status, late.state.tokens], ["succeeded", 9]);
  const pending = await begin();
  const doc = { attempt: 1, outcome: "pending" };
  const content = pending.packet(doc, { request: pending.open("sent") });
  await pending.send("flow.result", content);
  assert.deepEqual([pending.state.status, pending.open("timers")], ["suspended", undefined]);
  await pending.send("flow.result", content);
  assert.deepEqual(pending.ignored, ["already-pending"]);
  await pending.answer({ error: { class: "x", retry: true } });
  await pending.fire("a");
  await pending.fire("a");
  const delays = pending.state.log.filter(({ e }) => e === "timer").map(({ ms }) => ms);
  assert.deepEqual([delays, pending.state.flight.a], [[30_000], { phase: "backoff", attempt: 2 }]);
});

test("a parallel stops, with width 1 and at a limit", async () => {
  const nodes = (more) => ({ p: { ...PARALLEL.nodes.p, ...more }, e: END });
  const retry = { max_attempts: 5, backoff_ms: 10 };
  const calls = { a: sub({}, { retry }), b: sub({}), c: sub({}) };
  const policy = toolPolicy([], { timer: "edge" }, { cost: 10 });
  const stopped = await Play.begin(framed, program("p", "p", nodes({ calls, width: 2 })), policy);
  await stopped.answer({ error: { class: "x", retry: true } }, "a");
  assert.equal(stopped.state.flight.a.phase, "backoff");
  await stopped.answer({ error: { class: "y", retry: false } }, "b");
  const failed = stopped.state.log.filter(({ e }) => e === "failed");
  assert.deepEqual(failed, [
    { e: "failed", node: "p", sub: "b", failure: { class: "tool", why: "y" } },
    { e: "failed", node: "p", sub: "a", failure: { class: "stopped" } },
    { e: "failed", node: "p", failure: { class: "tool", why: "y" } },
  ]);
  assert.deepEqual(stopped.state.failure, { class: "tool", node: "p", sub: "b", why: "y" });
  const narrow = await Play.begin(framed, program("p", "p", nodes({ calls, width: 1 })), policy);
  for (const key of ["a", "b", "c"]) await narrow.answer({ value: key }, key);
  assert.equal(narrow.state.status, "succeeded");
  const ends = [
    [{ max_calls: 2 }, { class: "calls", node: "p", sub: "c" }],
    [{ max_steps: 2 }, { class: "steps", node: "p", sub: "b" }],
    [{ max_tokens: 29 }, { class: "tokens", node: "p", sub: "c" }],
  ];
  for (const [limits, failure] of ends) {
    const play = await Play.begin(framed, program("p", "p", nodes({ calls }), limits), policy);
    assert.deepEqual(Object.keys(play.state.flight).includes(failure.sub), false);
    for (const key of Object.keys(play.state.flight)) await play.answer({ value: 1 }, key);
    assert.deepEqual([play.state.status, play.state.failure], ["budget_exceeded", failure]);
  }
});

test("a step covers at most 64 messages of a sender, and enters about 1,000 nodes", async () => {
  const play = await oneCall(framed);
  for (let i = 0; i < 70; i += 1) play.queue("other", play.edge);
  await play.read();
  assert.equal(play.ignored.length, 64);
  const nodes = { a: { kind: "branch", if: "True", [exit]: "a", else: "e" }, e: END };
  const limits = { max_visits: 10_000, max_steps: 10_000, max_stalled: 1000 };
  const endless = await Play.begin(framed, program("n", "a", nodes, limits), { flow_policy: 1, tools: {} });
  const { steps, status, failure } = endless.state;
  assert.deepEqual([steps, status, failure], [1000, "budget_exceeded", { class: "moves", node: "a" }]);
});

both("a flow is rejected, cut and never updated", async (format) => {
  const policy = { flow_policy: 1, tools: {}, control: { cleanup: ["edge"] } };
  const ofOne = program("n", "e", { e: END });
  const play = await Play.begin(format, ofOne, policy);
  const { bench, actor, edge } = play;
  const core = bench.tree({ ...bench.entries(actor), starter: bench.blob("x"), out: bench.blob("y") });
  const genesis = bench.message(null, [["mt", "genesis"]], core);
  const rejected = Object.assign(new Play(format), play, { actor: core, sent: genesis });
  rejected.head = await bench.run(core, null, [[edge, genesis]]);
  assert.deepEqual(rejected.state.log, [
    { e: "rejected", defects: [["", "core"]] },
    { e: "ended", status: "rejected" },
  ]);
  const after = bench.entries(bench.step(rejected.head).core);
  assert.deepEqual([after.starter, after.out], [edge, bench.blob("y")]);
  await rejected.send("cleanup", edge);
  assert.equal(rejected.state.status, "rejected");
  const ended = play.head;
  await play.send("update", bench.tree({ name: bench.blob("z") }));
  assert.equal(bench.step(play.head).core, bench.step(ended).core);
  await play.send("cleanup", edge);
  assert.deepEqual([play.state.log, bench.step(play.head).previous], [[{ e: "cut" }], null]);
  bench.workspace.keep();
  assert.deepEqual(await replay(bench.store, play.head), { steps: 1, differs: null });
  const puppet = bench.core("p");
  const born = bench.message(null, [], puppet);
  const head = await bench.run(puppet, null, [[edge, born]]);
  const update = bench.message(born, [["mt", "update"]], bench.tree({ wit_update: play.wit }));
  await assert.rejects(bench.run(puppet, head, [[edge, update]]), { failureClass: "failed" });
});

test("a step fails if a document was erased of which it needs the value", async () => {
  const begin = async () => {
    const play = await refund(framed);
    await play.answer({ value: "yes" });
    play.bench.workspace.keep();
    return play;
  };
  const entry = (play, name) => play.bench.entries(play.bench.step(play.head).core)[name];
  const unused = await begin();
  unused.bench.store.erase(entry(unused, "input"));
  unused.bench.store.erase(unused.bench.entries(entry(unused, "out")).analyze);
  await unused.answer({ value: "R-1" });
  assert.equal(unused.state.status, "succeeded");
  for (const name of ["program", "state"]) {
    const play = await begin();
    play.bench.store.erase(entry(play, name));
    await assert.rejects(play.answer({ value: "R-1" }), { failureClass: "failed" }, name);
  }
  const first = await refund(framed);
  first.bench.workspace.keep();
  first.bench.store.erase(entry(first, "input"));
  await assert.rejects(first.answer({ value: "yes" }), { failureClass: "failed" });
  first.head = null;
  first.sent = first.bench.message(null, [["mt", "genesis"]], first.actor);
  await assert.rejects(first.read(), { failureClass: "failed" });
});

test("a value with new refs is accepted only with their sealed blobs", async () => {
  const nodes = {
    a: { kind: "call", tool: "t", args: {}, next: "b" },
    b: { kind: "call", tool: "t", args: { v: ["$out.a"] }, next: "e" },
    e: { ...END, output: "$out.a" },
  };
  const run = async (refs, tool) => {
    const policy = toolPolicy(["v"], {}, tool);
    const flow = await Play.begin(framed, program("n", "a", nodes), policy, { refs: [["old", CUSTOMER]] });
    const tree = flow.bench.tree(refs(flow));
    const doc = { attempt: 1, outcome: "ok", value: { $ref: "fresh" } };
    await flow.send("flow.result", flow.packet(doc, { request: flow.open("sent"), refs: tree, proof: tree }));
    return flow;
  };
  const fresh = (flow) => ({ fresh: flow.sealed(Buffer.alloc(16)) });
  const known = await run(fresh, { refs: ["v"] });
  assert.deepEqual(known.bench.entries(known.bench.entries(known.open("sent")).refs), fresh(known));
  await known.answer({ value: 1 });
  const report = known.bench.read(known.bench.step(known.head).outbox.get(known.edge));
  assert.deepEqual(new Map(report.headers).get("mt"), "flow.report");
  assert.deepEqual(known.bench.entries(known.bench.entries(report.content).refs), fresh(known));
  const denied = await run(fresh, {});
  assert.deepEqual(denied.state.failure, { class: "denied", node: "b", why: "ref" });
  const bad = [
    (flow) => ({ other: flow.sealed(Buffer.alloc(16)) }),
    (flow) => ({ fresh: flow.sealed(Buffer.alloc(15)) }),
    (flow) => ({ ...fresh(flow), old: flow.sealed(Buffer.alloc(16)) }),
  ];
  for (const refs of bad) {
    const flow = await run(refs, { refs: ["v"] });
    assert.deepEqual(flow.state.failure, { class: "bad-result", node: "a" });
    assert.deepEqual(Object.keys(flow.bench.entries(flow.open("refs"))), ["old"]);
  }
});
