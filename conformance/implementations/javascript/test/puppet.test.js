import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { describe } from "../src/wit/openapi.js";
import { merge } from "../src/wit/merging.js";
import { askStep } from "../src/wit/queries.js";
import { cbor, chapter, framed } from "./objects.js";
import { Bench, agentOf, hex } from "./rounds.js";

const TEXT = chapter("wit/puppet");

/** The ids of the table of one round, by object and format. */
function roundTable() {
  const table = new Map();
  let object = "";
  for (const [, first, format, id] of TEXT.matchAll(/^ {3}\* -(.*)\n {5}- (framed|cbor)\n {5}- ([0-9a-f]{64})$/gm)) {
    object = first.trim() || object;
    table.set(`${object} ${format}`, id);
  }
  return table;
}

const GENESIS = [["mt", "genesis"]];
const FORMATS = [
  [framed, "framed"],
  [cbor, "cbor"],
];

async function begin(format) {
  const bench = new Bench(format);
  const agent = agentOf(bench, "test");
  const [a, b] = [bench.core("a"), bench.core("b")];
  const toA = bench.message(null, GENESIS, a);
  return { bench, agent, a, b, toA, a1: await bench.run(a, null, [[agent.id, toA]]) };
}

test("one round gives the ids of the text", async () => {
  const table = roundTable();
  assert.equal(table.size, 34);
  for (const [format, name] of FORMATS) {
    const { bench, agent, a, b, toA, a1 } = await begin(format);
    const expect = (object, id) => assert.equal(id, table.get(`${object} ${name}`), `${object} ${name}`);
    expect("agent", agent.id);
    expect("agent, step 1", agent.first);
    expect("core(a), the actor a", a);
    expect("core(b), the actor b", b);
    expect("message(none, {mt: genesis}, core(a))", toA);
    expect("a, step 1", a1);
    const b1 = await bench.run(b, null, [[agent.id, bench.message(null, GENESIS, b)]]);
    expect("b, step 1", b1);
    const p1 = bench.program("57016b000176");
    const p0 = bench.program("41036c6f67000268695300710001", { "00": b, "01": p1 });
    expect("p1", p1);
    expect("p0", p0);
    const second = bench.message(toA, [], p0);
    expect("message(that to a before, {}, p0)", second);
    const a2 = await bench.run(a, a1, [[agent.id, second]]);
    expect("a, step 2", a2);
    const sent = bench.step(a2).outbox.get(b);
    expect("message(none, {}, p1), from a to b", sent);
    expect("b, step 2", await bench.run(b, b1, [[a, sent]]));
  }
});

const idsBetween = (start, end) => TEXT.slice(TEXT.indexOf(start), TEXT.indexOf(end)).match(/\b[0-9a-f]{64}\b/g);

test("every plain op", async () => {
  const wanted = idsBetween("The core of the step has", "*A handler.*");
  const code =
    "57016b00017641036c6f670002616241036c6f670001635003632f64f250026d65f044016b44076e6f2f73756368" +
    "57066e616d652f78000044066e616d652f78530071026869f2530071000153f173000153f071000152f153f37107" +
    "67656e65736973f3";
  for (const [i, [format]] of FORMATS.entries()) {
    const { bench, agent, a, b, toA, a1 } = await begin(format);
    const content = bench.program(code, { "00": b, "01": bench.program("") });
    const step = await bench.run(a, a1, [[agent.id, bench.message(toA, [], content)]]);
    assert.equal(step, wanted[i]);
    const { core, outbox } = bench.step(step);
    assert.deepEqual(Object.keys(bench.entries(core)).sort(), ["c", "log", "me", "wit", "wit_query"]);
    assert.equal(outbox.size, 3);
  }
});

test("a handler runs in the place of the content's program", async () => {
  const wanted = idsBetween("step that installs", "*Merge.*");
  for (const [i, [format]] of FORMATS.entries()) {
    const { bench, agent, a, toA, a1 } = await begin(format);
    const handler = bench.program("41036c6f67000168 50046c617374f2 50046b65707400", { "00": bench.blob("op") });
    const install = bench.message(toA, [], bench.program("50066f6e2f6a6f6200", { "00": handler }));
    const job = bench.message(install, [["mt", "job"]], bench.program("41036c6f67000163"));
    const installed = await bench.run(a, a1, [[agent.id, install]]);
    assert.equal(installed, wanted[i]);
    assert.equal(await bench.run(a, installed, [[agent.id, job]]), wanted[2 + i]);
    assert.equal(await bench.run(a, a1, [[agent.id, job]]), wanted[4 + i]);
  }
});

test("merge", () => {
  const wanted = idsBetween("*Merge.*", "nothing after");
  const from = TEXT.slice(TEXT.indexOf("*Merge.*")).match(/\b[0-9a-f]{64}\b/g);
  for (const [i, [format]] of FORMATS.entries()) {
    const { blob, tree, workspace } = new Bench(format);
    const core = tree({
      a: blob("1"),
      d: tree({ x: blob("2"), y: blob("3") }),
      e: tree({ z: blob("4") }),
      wit: blob("w"),
    });
    const update = tree({ a: tree({ n: blob("5") }), d: tree({ y: blob("6") }), e: blob("7"), new: blob("8") });
    assert.equal(merge(workspace, core, update), (wanted ?? from)[i]);
    assert.equal(merge(workspace, core, core), core);
  }
});

test("the wut and its document", async () => {
  const wanted = TEXT.slice(TEXT.indexOf("Its id is")).match(/\b[0-9a-f]{64}\b/g);
  for (const [i, [format]] of FORMATS.entries()) {
    const { bench, a1 } = await begin(format);
    const wut = askStep(bench.workspace, a1, "wut", Buffer.alloc(0));
    assert.equal(wut, wanted[i]);
    const document = describe("0".repeat(64), bench.read(wut).data);
    assert.equal(document.length, 1122);
    const digest = createHash("sha256").update(document).digest("hex");
    assert.equal(digest, "0d0e73570ef1efb10b478f3d83027bec3bcc091a77827ef2888358512e1ba9a4");
    assert.equal(askStep(bench.workspace, a1, "none such", Buffer.alloc(0)), null);
    assert.equal(bench.text(askStep(bench.workspace, a1, "step", Buffer.from("x"))), a1);
    assert.equal(bench.text(askStep(bench.workspace, a1, "get", Buffer.from("name"))), "a");
  }
});

const refusal = (code) => (error) => error.code === code;

test("programs that fail leave nothing, whatever they did before", async () => {
  const { bench, agent, a, toA, a1 } = await begin(framed);
  const programs = [
    "46",
    "5401",
    "99",
    "41",
    "4103",
    "57016b0005aa",
    "500161aa",
    "5300710001",
    "5002",
    "57002e0000",
    "5700000000",
    "57012e0000",
    "570161000041",
    "5801 58ff",
    "580f",
    "4100",
    "4c016b",
    "5702 2f61 0000",
    "41037769740000 53f07200f0",
  ];
  for (const code of programs) {
    const message = bench.message(toA, [], bench.program(`57017a0000${code}`));
    await assert.rejects(bench.run(a, a1, [[agent.id, message]]), refusal("failed"), code);
  }
  const right = bench.message(toA, [], bench.program("54005a0000 57017a0000"));
  assert.deepEqual(
    Object.keys(bench.entries(bench.step(await bench.run(a, a1, [[agent.id, right]])).core)).includes("z"),
    true,
  );
});

test("illegal results are not admitted", async () => {
  const { bench, agent, a, b, toA, a1 } = await begin(cbor);
  const send = bench.program("5300710001 5300710001", { "00": b, "01": bench.blob("") });
  const first = bench.message(toA, [], send);
  const a2 = await bench.run(a, a1, [[agent.id, first]]);
  for (let kind = 1; kind <= 0x0e; kind += 1) {
    const code = `58${kind.toString(16).padStart(2, "0")}`;
    const run = bench.run(a, a2, [[agent.id, bench.message(first, [], bench.program(code))]]);
    await assert.rejects(run, refusal("illegal-step"), `X ${kind}`);
  }
});

test("what is held stays unread, and others are read", async () => {
  const { bench, agent, a, b, toA, a1 } = await begin(framed);
  const held = bench.message(toA, [], bench.program("4c016b 57016c0000"));
  const other = bench.message(null, [], bench.program("57016b0000"));
  assert.equal(await bench.run(a, a1, [[agent.id, held]]), a1);
  const a2 = await bench.run(a, a1, [
    [agent.id, held],
    [b, other],
  ]);
  const inbox = bench.step(a2).inbox;
  assert.deepEqual([inbox.get(b), inbox.get(agent.id)], [other, agent.id < b ? toA : held]);
  if (agent.id < b) assert.equal(bench.step(await bench.run(a, a2, [[agent.id, held]])).inbox.get(agent.id), held);
});

test("programs of any bytes end", async () => {
  const { bench, agent, a, toA, a1 } = await begin(cbor);
  let seed = 7;
  const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648) >> 8;
  const ops = [0x50, 0x57, 0x41, 0x44, 0x53, 0x52, 0x42, 0x51, 0x4c, 0x54, 0x5a, 0x58];
  for (let round = 0; round < 60; round += 1) {
    const bytes = Buffer.from({ length: 4096 }, (_, i) => (i % 7 === 0 ? ops[next() % ops.length] : next() % 6));
    if (bytes.includes(0x5a))
      bytes.forEach((byte, i) => {
        if (byte === 0x5a) bytes[i] = 0x57;
      });
    const content = bench.tree({ program: bench.blob(bytes), "00": a, "01": bench.blob("") });
    await bench
      .run(a, a1, [[agent.id, bench.message(toA, [], content)]])
      .catch((error) => assert.ok(error.refusalClass));
  }
  const copies = hex("5001 61 f3".repeat(800));
  const content = bench.tree({ program: bench.blob(copies) });
  assert.ok(await bench.run(a, a1, [[agent.id, bench.message(toA, [], content)]]));
});
