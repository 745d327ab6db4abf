import assert from "node:assert/strict";
import test from "node:test";
import { readManifest, readState } from "../src/wasm/documents.js";
import { forkCore } from "../src/wasm/fork.js";
import { askStep } from "../src/wit/queries.js";
import { cbor, framed } from "./objects.js";
import { Bench } from "./rounds.js";
import { Actor, coreOf, document, encode, guest, hex } from "./wasm-cores.js";

const PUPPET = guest("puppet");
const UPDATE = [["mt", "update"]];
const CLEANUP = [["mt", "cleanup"]];
const name = (text) => Buffer.from(text).toString("hex");
const u8 = (number) => number.toString(16).padStart(2, "0");
const path = (text) => u8(text.length) + name(text);
const write = (at, text) => `57 ${path(at)} ${u8(text.length).padStart(4, "0")} ${name(text)}`;
const put = (at, ref) => `50 ${path(at)} ${u8(ref)}`;
const send = (to, content, type = "") => `53 ${u8(to)} 71 ${path(type)} ${u8(content)}`;

const puppetOf = (bench, manifest = {}, more = {}) => new Actor(bench, coreOf(bench, PUPPET, { manifest, ...more }));

async function born(bench, manifest, more) {
  const actor = puppetOf(bench, manifest, more);
  await actor.take();
  return actor;
}

test("documents are read to the byte", () => {
  const bytes = (text) => ({ kind: "blob", headers: [["ct", "cbor"]], data: hex(text) });
  const isManifest = (text) => readManifest(cbor, bytes(text)) !== null;
  assert.ok(isManifest("a1 6176 01"));
  assert.ok(isManifest("a2 6176 01 64 6675656c 1b7fffffffffffffff"));
  const wrong = [
    "",
    "a0",
    "a1 6176 02",
    "a1 6176 1801",
    "a1 6176 01 00",
    "bf 6176 01 ff",
    "a2 6176 01 61 78 01",
    "c0 a1 6176 01",
    "a2 64 6675656c 01 6176 01",
    "a2 6176 01 64 6675656c 00",
    "a2 6176 01 64 6675656c 1b8000000000000000",
    "a2 6176 01 65 696d616765 f4",
    "a2 6176 01 65 7061676573 1a00010001",
    "a2 6176 01 6176 01",
    "a2 6176 01 6476616c7565 f5",
    "a2 6176 01 66 6d6f756e7473 a1 61 2f 62 726f",
    "a2 6176 01 66 6d6f756e7473 a1 60 62 726f",
    "a2 6176 01 64 73656e64 62 6e6f",
  ];
  for (const text of wrong) assert.ok(!isManifest(text), text);
  assert.equal(readManifest(cbor, { ...bytes("a1 6176 01"), headers: [] }), null);
  assert.equal(readManifest(cbor, null), null);
  assert.notEqual(readManifest(cbor, bytes("a2 6176 01 66 6d6f756e7473 a1 62 c3a9 62 726f")), null);
  assert.equal(readManifest(framed, bytes("a2 6176 01 66 6d6f756e7473 a1 62 c3a9 62 726f")), null);
  const isState = (value) => readState(cbor, { ...bytes(""), data: encode(value) }) !== null;
  assert.ok(
    isState({
      v: 1,
      used: 0,
      pages: 0,
      globals: [2n ** 64n - 1n],
      call: "wit",
      random: [Buffer.alloc(32), 0],
      clock: 1,
    }),
  );
  for (const rest of [
    {},
    { used: 1, pages: 0 },
    { used: 1, globals: [] },
    { used: 1, call: "wit" },
    { used: 2n ** 63n },
  ]) {
    assert.ok(!isState({ v: 1, ...rest }));
  }
});

test("what comes before guest code, in its order", async () => {
  const bench = new Bench(framed);
  const refusal = (core) => {
    const actor = new Actor(bench, core);
    return actor.refusal(() => actor.take());
  };
  const of = (options, module = PUPPET) => refusal(coreOf(bench, module, options));
  assert.equal(await of({ wasm: { manifest: bench.blob("x") } }), "unresolved:manifest");
  assert.equal(await of({ manifest: { pages: 65_536 } }, Buffer.from("x")), "exhausted:host");
  assert.equal(await of({}, Buffer.from("x")), "unresolved:module");
  assert.equal(await of({ more: { code: bench.blob("x") } }), "unresolved:node");
  assert.equal(
    await of({ manifest: { clock: { start: 0, tick: 1 } }, wasm: { state: bench.blob("x") } }),
    "unresolved:image",
  );
  assert.equal(await of({ manifest: {}, wasm: { state: bench.blob("x") } }), "none");
  assert.equal(await of({ manifest: { fuel: 1 } }), "exhausted:fuel");
  assert.equal(await of({ manifest: { tank: 5 } }), "exhausted:fuel");
  assert.equal(await refusal(bench.tree({ wit: bench.blob("wasm:") })), "unresolved");
  assert.equal(await refusal(bench.tree({ wit: bench.blob("wasm:a:b") })), "unresolved");
});

test("grants of a result", async () => {
  const bench = new Bench(framed);
  const refusal = async (code, manifest = {}, operands = {}) => {
    const actor = await born(bench, manifest, {
      more: { fs: bench.tree({ old: bench.tree({ f: bench.blob("f") }) }) },
    });
    return actor.refusal(() => actor.run(code, operands));
  };
  const mounts = { old: "ro", new: "rw" };
  const code = { code: true, send: "any" };
  const child = coreOf(bench, PUPPET);
  const strange = coreOf(bench, PUPPET, { manifest: { attempt: true } });
  const puppet = bench.core("native");
  assert.equal(await refusal(write("x", "1")), "none");
  assert.equal(await refusal(write("wasm/x", "1"), code), "failed:denied:host");
  for (const at of ["wit", "wit_update", "frozen", "code/main.wasm", "code"]) {
    assert.equal(await refusal(write(at, "1")), "failed:denied:code", at);
  }
  assert.equal(await refusal(write("wit_query", "1"), code), "none");
  assert.equal(await refusal(write("fs/old/f", "1"), { mounts }), "failed:denied:mount");
  assert.equal(await refusal(write("fs/new/f", "1"), { mounts }), "none");
  assert.equal(await refusal(write("fs", "1"), { mounts }), "failed:denied:mount");
  assert.equal(await refusal(send(0xf1, 0xf2)), "failed:denied:send");
  assert.equal(await refusal(send(0xf1, 0xf2), { send: "reply" }), "none");
  const toChild = (manifest, actor) => refusal(send(0, 0), manifest, { "00": actor });
  assert.equal(await toChild({ send: "any" }, child), "failed:denied:spawn");
  assert.equal(await toChild({ spawn: "wasm" }, child), "none");
  assert.equal(await toChild({ spawn: "wasm" }, strange), "failed:denied:spawn");
  assert.equal(await toChild({ spawn: "wasm", attempt: true }, strange), "none");
  assert.equal(await toChild({ spawn: "wasm" }, puppet), "failed:denied:spawn");
  assert.equal(await toChild({ spawn: "any" }, puppet), "none");
  assert.equal(await toChild({ spawn: "wasm", tank: 100_000_000 }, child), "failed:denied:spawn");
  const update = (content) => refusal(send(0xf1, 0, "update"), { send: "reply" }, { "00": content });
  // the receiver was not created as a guest
  assert.equal(await update(bench.tree({ x: bench.blob("x") })), "failed:denied:spawn");
  assert.equal(await update(bench.tree({ wit: bench.blob("external:puppet/1") })), "failed:denied:spawn");
  assert.equal(await update(bench.tree({ wasm: bench.tree({ x: bench.blob("x") }) })), "failed:denied:spawn");
});

test("tanks pay for children", async () => {
  const bench = new Bench(framed);
  const child = coreOf(bench, PUPPET, { manifest: { tank: 50_000 } });
  const actor = await born(bench, { spawn: "wasm", tank: 150_000 });
  const usedOf = ({ wasm }) => readState(framed, bench.read(wasm.state)).used;
  const before = usedOf(await actor.run(write("x", "1")));
  const after = usedOf(await actor.run(send(0, 0), { "00": child }));
  assert.ok(after - before > 50_000n);
  const other = coreOf(bench, PUPPET, { manifest: { tank: 149_999n - after } }); // not all of it is left then
  assert.equal(await actor.refusal(() => actor.run(send(0, 0), { "00": other })), "failed:denied:spawn");
});

test("updates of Wasm actors", async () => {
  const bench = new Bench(framed);
  const stranger = bench.tree({ name: bench.blob("stranger") });
  const change = (more) => bench.tree({ x: bench.blob("x"), ...more });
  const actor = await born(bench, {});
  assert.equal((await actor.take(change(), UPDATE, stranger)).core.x, undefined);
  assert.notEqual((await actor.take(change(), UPDATE)).core.x, undefined);
  const peers = (await actor.take(change({ wasm: bench.tree({ peers: bench.tree({ a: stranger }) }) }), UPDATE)).wasm
    .peers;
  assert.notEqual(peers, undefined);
  assert.equal(
    (await actor.take(change({ wasm: bench.tree({ state: bench.blob("x") }), y: bench.blob("y") }), UPDATE)).core.y,
    undefined,
  );
  assert.equal((await actor.take(change({ wasm: bench.blob("x"), y: bench.blob("y") }), UPDATE)).core.y, undefined);
  const named = await born(bench, {}, { wasm: { creator: stranger } });
  assert.equal((await named.take(change(), UPDATE)).core.x, undefined);
  assert.notEqual((await named.take(change(), UPDATE, stranger)).core.x, undefined);
  const open = await born(bench, { update: "any" });
  assert.notEqual((await open.take(change(), UPDATE, stranger)).core.x, undefined);
  const node = bench.blob("wasm:u.wasm");
  const byCode = (code) =>
    bench.tree({ wit_update: node, "u.wasm": bench.blob(PUPPET), program: bench.blob(hex(code)) });
  const manifest = document(bench, { random: Buffer.alloc(32) });
  const setManifest = bench.tree({
    wit_update: node,
    "u.wasm": bench.blob(PUPPET),
    program: bench.blob(hex(put("wasm/manifest", 0))),
    "00": manifest,
  });
  assert.equal(await actor.refusal(() => actor.take(byCode(write("wasm/state", "x")), UPDATE)), "failed:denied:host");
  const updated = await actor.take(setManifest, UPDATE);
  assert.deepEqual([updated.wasm.manifest, updated.wasm.state], [manifest, undefined]);
  assert.notEqual((await actor.run(write("z", "1"))).wasm.state, undefined);
});

test("a cleanup keeps the creator", async () => {
  const bench = new Bench(framed);
  const actor = await born(bench, {});
  const { wasm, step } = await actor.run(write("x", "1"), {}, CLEANUP);
  assert.deepEqual([wasm.creator, step.previous], [actor.agent, null]);
  assert.notEqual((await actor.take(bench.tree({ y: bench.blob("y") }), UPDATE)).core.y, undefined);
});

test("frozen cores freeze their modules", async () => {
  const bench = new Bench(framed);
  const actor = await born(bench, { code: true }, { more: { frozen: bench.blob("") } });
  assert.equal(await actor.refusal(() => actor.run(write("x", "1"))), "none");
  assert.equal(await actor.refusal(() => actor.run(write("code/main.wasm", "1"))), "illegal-step");
  const whole = puppetOf(bench, { clock: { start: 0, tick: 1 } }, { more: { frozen: bench.blob("x") } });
  assert.equal(await whole.refusal(() => whole.take()), "illegal-step");
});

test("queries run the module and are refused with codes of their own", async () => {
  const bench = new Bench(framed);
  const actor = await born(bench, {});
  const ask = (head, what, args = "") => {
    try {
      const answer = askStep(bench.workspace, head, what, Buffer.from(args));
      return answer === null ? null : bench.text(answer);
    } catch (error) {
      return `${error.refusalClass}/${error.code}`;
    }
  };
  assert.equal(ask(actor.head, "echo", "hello"), "hello");
  assert.equal(ask(actor.head, "nothing"), null);
  assert.match(ask(actor.head, "fail"), /^rejected\/failed:/);
  const poor = await born(bench, { update: "any" });
  await poor.take(bench.tree({ wasm: bench.tree({ manifest: document(bench, { fuel: 1 }) }) }), UPDATE);
  assert.equal(ask(poor.head, "echo"), "rejected/failed:fuel");
  await poor.take(bench.tree({ wit_query: bench.blob("external:puppet/1") }), UPDATE);
  assert.equal(ask(poor.head, "echo"), "rejected/unresolved:node");
});

test("a call that waits goes on in the next one, wherever that is made", async () => {
  const bench = new Bench(framed);
  const actor = new Actor(bench, coreOf(bench, guest("waiter"), { manifest: { image: true } }));
  const answers = [];
  const states = [];
  const take = async (content) => {
    const { core, wasm } = await actor.take(bench.blob(content));
    const data = bench.read(core.answer).data;
    answers.push([Number(data.readBigUInt64LE(0)), data.readBigUInt64LE(8)]);
    states.push(readState(framed, bench.read(wasm.state)).call);
  };
  await take("");
  await take([5, 3]);
  for (let i = 0; i < 4; i += 1) await take([9, 9]);
  assert.deepEqual(states, [undefined, "wit", "wit", "wit", "wit", undefined]);
  assert.deepEqual(
    answers.map(([waited]) => waited),
    [0, 0, 1, 2, 3, 4],
  );
  const denied = new Actor(bench, coreOf(bench, guest("waiter")));
  await denied.take();
  assert.equal(await denied.refusal(() => denied.take(bench.blob([1, 1]))), "failed:denied:wait");
});

test("forks", async () => {
  const bench = new Bench(framed);
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  const actor = await born(bench, { random: key, tank: 1_000_000 });
  const core = forkCore(bench.workspace, actor.head, 1, "fresh");
  const { wasm } = bench.entries(core);
  const { state, fork } = bench.entries(wasm);
  const { random, used } = readState(framed, bench.read(state));
  assert.equal(random.key.toString("hex"), "7f7a1d0c8dda5e6bf65b11eea6cf979e1e8ae367e4dfed86ee825d34c99fbf3f");
  assert.equal(used, 1_000_000n);
  assert.deepEqual(bench.entries(fork), { n: bench.blob("1", [["ct", "s"]]), parent: bench.step(actor.head).core });
  const forked = new Actor(bench, core);
  const { step } = await forked.take();
  assert.deepEqual([step.core, step.outbox.size], [core, 0]);
  assert.equal(await forked.refusal(() => forked.run(write("x", "1"))), "exhausted:fuel");
  assert.equal(forkCore(bench.workspace, actor.head, 1, "fresh"), core);
  assert.notEqual(forkCore(bench.workspace, actor.head, 1, "replay"), core);
});

test("what a refused step was made of is neither stored nor taken to be there", async () => {
  const bench = new Bench(framed);
  const actor = await born(bench);
  const made = new Bench(framed);
  const ids = [made.blob("never stored"), made.tree({ deep: made.blob("never stored") })];
  const known = () => ids.map((id) => [bench.store.has([id])[0], bench.store.knowledge.nesting(id)]);
  const make = write("a/deep", "never stored");
  assert.equal(await actor.refusal(() => actor.run(`${make} ${send(0xf1, 0xf2)}`)), "failed:denied:send"); // after its admission
  assert.deepEqual(known(), [
    [false, undefined],
    [false, undefined],
  ]);
  await actor.run(make);
  assert.deepEqual(known(), [
    [true, 0],
    [true, 1],
  ]);
});

test("images that do not fit their module", async () => {
  const bench = new Bench(framed);
  const waiter = coreOf(bench, guest("waiter"), { manifest: { image: true } });
  const actor = new Actor(bench, waiter);
  const { core, wasm } = await actor.take();
  const state = readState(framed, bench.read(wasm.state));
  const refusal = (changes, more = {}) => {
    const { pages, globals, used } = { ...state, ...changes };
    const tree = bench.tree({ ...wasm, state: document(bench, { used, pages, globals }), ...more });
    const prepared = new Actor(bench, bench.tree({ ...core, wasm: tree }));
    return prepared.refusal(() => prepared.take());
  };
  const page = bench.blob(Buffer.alloc(65_536, 1));
  const memory = (high, low, blob = page) => ({ memory: bench.tree({ [high]: bench.tree({ [low]: blob }) }) });
  assert.equal(await refusal({}), "none");
  assert.equal(await refusal({}, memory("00", "00")), "failed:trap:unreachable"); // its code does not bear such a memory
  assert.equal(await refusal({}, { memory: bench.blob("x") }), "unresolved:image");
  for (const [high, low] of [
    ["00", "0A"],
    ["00", "ff"],
    ["0", "00"],
    ["00", "000"],
  ]) {
    assert.equal(await refusal({}, memory(high, low)), "unresolved:image", low);
  }
  for (const bytes of [Buffer.alloc(65_536), Buffer.alloc(65_535, 1)]) {
    assert.equal(await refusal({}, memory("00", "00", bench.blob(bytes))), "unresolved:image");
  }
  assert.equal(await refusal({ globals: [2n ** 32n, ...state.globals.slice(1)] }), "unresolved:image");
  assert.equal(await refusal({ globals: [...state.globals, 0n] }), "unresolved:image");
  assert.equal(await refusal({ pages: 0 }), "unresolved:image");
  assert.equal(await refusal({ pages: 257 }), "unresolved:image");
});
