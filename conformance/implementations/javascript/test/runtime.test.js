import assert from "node:assert/strict";
import test from "node:test";
import { Runtime } from "../src/runtime/runtime.js";
import { framed, refusalOf } from "./objects.js";
import { Bench } from "./rounds.js";

const CONFIG = {
  agent: "test",
  schedule: "chosen",
  clock: "suite",
  base_ms: 100,
  cap_ms: 300,
  max_attempts: 3,
  transition_ms: 0,
};
const GENESIS = [["mt", "genesis"]];
const UPDATE = [["mt", "update"]];

/** A runtime on a store in memory, with the actors a and b begun. */
class Play {
  constructor(config = {}, bench = new Bench(framed)) {
    this.config = { ...CONFIG, ...config };
    this.bench = bench;
    this.runtime = new Runtime(bench.store, this.config);
  }

  static async begun(config) {
    const play = new Play(config);
    for (const name of ["a", "b"]) {
      play[name] = play.bench.core(name);
      play.send(play[name], play[name], GENESIS);
    }
    if (play.config.schedule === "chosen") await play.all();
    else await play.runtime.run(100);
    return play;
  }

  again(config = {}) {
    this.runtime.end();
    this.runtime = new Runtime(this.bench.store, { ...this.config, ...config });
  }

  send(to, content, headers = [], mode = "queue") {
    this.bench.workspace.keep();
    return this.runtime.inject({ to, headers, content, mode });
  }

  do(to, code, operands = {}, headers = []) {
    return this.send(to, this.bench.program(code, operands), headers);
  }

  /** Choose the last choice, which covers most, until there is none. */
  async all() {
    const steps = [];
    for (let ready = this.ready; ready.length > 0; ready = this.ready)
      steps.push(await this.runtime.choose(ready.length - 1));
    return steps;
  }

  get ready() {
    return this.runtime.ready();
  }

  target(name) {
    return this.bench.store.backend.references.target(name);
  }

  head(actor) {
    return this.bench.step(this.target(`heads/${actor}`));
  }

  core(actor) {
    return this.bench.entries(this.head(actor).core);
  }
}

test("an agent is begun once, and belongs to its store", () => {
  const play = new Play();
  const { agent } = play.runtime;
  assert.equal(agent, "d291ab0946eb8710d869caa46c755b0c0fa9d087bd11b145c900b30871f738e8");
  assert.equal(play.target("runtime/agent"), agent);
  play.again();
  const start = (name) => refusalOf(() => new Runtime(play.bench.store, { ...CONFIG, agent: name }));
  assert.deepEqual([start("other"), start(""), start("\u00e9".repeat(128))], ["rejected/agent", "invalid", "invalid"]);
  play.bench.store.swap([{ name: "runtime/agent", old: agent, new: null }]);
  assert.equal(start("test"), "rejected");
});

test("injections that are refused make no step", async () => {
  const play = await Play.begun();
  const { a, bench } = play;
  const before = play.target(`heads/${play.runtime.agent}`);
  const x = bench.blob("x");
  const of = (...args) => refusalOf(() => play.send(...args));
  assert.equal(of("1".repeat(64), x), "missing");
  assert.equal(of(x, x), "rejected");
  assert.equal(of(a, bench.tree({ x: "1".repeat(64) })), "missing");
  assert.equal(of(a, before), "rejected");
  assert.equal(of(a, x, [["mt", "receipt"]]), "rejected");
  assert.equal(
    of(a, x, [
      ["k", "1"],
      ["k", "2"],
    ]),
    "invalid",
  );
  assert.equal(play.target(`heads/${play.runtime.agent}`), before);
  const signal = play.send(a, x, [], "signal");
  const after = play.target(`heads/${play.runtime.agent}`);
  assert.equal(play.send(a, x, [], "signal"), signal);
  assert.equal(play.target(`heads/${play.runtime.agent}`), after);
  play.send(a, x);
  assert.equal(of(a, x, [], "signal"), "rejected");
});

test("a message that keeps failing is delayed, then marks its actor; an update heals it", async () => {
  const play = await Play.begun();
  const { a, runtime, bench } = play;
  const failing = play.do(a, "5403 57016b0000"); // fails three times
  for (const wait of [100n, 200n]) {
    const before = runtime.clock.now;
    assert.equal(await runtime.choose(0), null);
    assert.deepEqual(play.ready, []);
    assert.equal(runtime.moveTime(before + wait - 1n), 0);
    assert.deepEqual(play.ready, []);
    assert.equal(runtime.moveTime(before + wait), 1);
    assert.equal(play.target(`failed/${a}`), null);
  }
  assert.equal(await runtime.choose(0), null);
  assert.deepEqual(bench.entries(play.target(`failed/${a}`)), { [runtime.agent]: failing });
  assert.deepEqual(play.ready, []);
  play.again({ max_attempts: 4, base_ms: 0 });
  assert.deepEqual(play.ready, []);
  play.send(a, bench.blob("refused"), UPDATE, "signal");
  await play.all();
  assert.ok(play.target(`failed/${a}`));
  play.send(a, bench.tree({ u: bench.blob("u") }), UPDATE, "signal");
  await play.all();
  assert.deepEqual([play.target(`failed/${a}`), Object.keys(play.core(a)).includes("u")], [null, true]);
});

test("a delay lasts until its time, also where its message was superseded", async () => {
  const play = await Play.begun({ schedule: "free" });
  play.do(play.a, "5409"); // fails at its first nine attempts
  assert.equal((await play.runtime.run(10)).cause, "waiting");
  play.send(play.a, play.bench.tree({ k: play.bench.blob("v") }), UPDATE, "signal");
  assert.deepEqual(await play.runtime.run(10), { cause: "waiting", steps: 1, parked: [] });
  assert.equal(play.runtime.moveTime(99n), 0);
  assert.equal(play.runtime.moveTime(100n), 1);
  assert.equal((await play.runtime.run(10)).cause, "rest");
});

test("an operator takes a mark away, and the next runtime tries again with attempt 1", async () => {
  const play = await Play.begun({ max_attempts: 1 });
  play.do(play.a, "5401");
  await play.all();
  const mark = play.target(`failed/${play.a}`);
  play.bench.store.swap([{ name: `failed/${play.a}`, old: mark, new: null }]);
  play.again({ max_attempts: 2, base_ms: 0 });
  assert.equal((await play.all()).at(-1), play.target(`heads/${play.a}`));
  assert.equal(play.target(`failed/${play.a}`), null);
});

test("the sender of a message that failed gets one receipt, and none for a receipt", async () => {
  const play = await Play.begun({ max_attempts: 1 });
  const { a, b, bench, runtime } = play;
  play.do(a, "500a6f6e2f7265636569707400", { "00": bench.program("46") }); // a handler on/receipt that fails
  play.do(a, "5300710001", { "00": b, "01": bench.program("5801") });
  await play.all();
  const [[sender, failed]] = bench.read(play.target(`failed/${b}`)).entries;
  assert.equal(sender, a);
  const receipt = bench.read(bench.read(play.target(`failed/${a}`)).entries[0][1]);
  assert.deepEqual(Object.fromEntries(receipt.headers), { mt: "receipt", reply: failed, class: "illegal-step" });
  assert.equal(bench.read(receipt.content).data.length, 0);
  assert.equal(play.head(runtime.agent).outbox.has(runtime.agent), false);
});

test("messages that failed together are run one at a time", async () => {
  const play = await Play.begun({ base_ms: 0, max_attempts: 2 });
  const { a, bench } = play;
  for (const letter of ["61", "62"]) play.do(a, `41036c6f670001${letter}`);
  play.do(a, "46");
  play.do(a, "41036c6f67000163");
  assert.equal(play.ready.length, 2);
  const singles = play.ready.filter(
    ({ inbox }) => bench.read(inbox[0][1]).previous === play.head(a).inbox.get(play.runtime.agent),
  );
  assert.equal(singles.length, 1);
  assert.equal(
    await play.runtime.choose(play.ready.findIndex(({ inbox }) => inbox[0][1] !== singles[0].inbox[0][1])),
    null,
  );
  assert.deepEqual(play.ready, singles);
  await play.all();
  assert.equal(bench.text(play.core(a).log), "ab");
  assert.ok(play.target(`failed/${a}`));
});

test("what is declined is not offered again before something changes", async () => {
  const play = await Play.begun();
  const { a, bench } = play;
  play.do(a, "4c016b");
  assert.deepEqual(await play.all(), [null]);
  assert.deepEqual(play.ready, []);
  play.send(play.b, bench.blob("other"));
  assert.equal(play.ready.length, 1); // of b
  play.do(play.b, "5300710001", { "00": a, "01": bench.program("57016b0000") });
  await play.all();
  assert.deepEqual([Object.hasOwn(play.core(a), "k"), play.ready], [true, []]);
});

test("a cleanup is the last thing that is read", async () => {
  const play = await Play.begun();
  const { a, b, bench } = play;
  play.send(a, bench.blob("x"), [["mt", "cleanup"]]);
  play.do(b, "5300710001", { "00": a, "01": bench.program("57016b0000") });
  await play.runtime.choose(play.ready.findIndex(({ actor }) => actor === b));
  assert.deepEqual(
    play.ready.map(({ actor, inbox }) => [actor, inbox[0][0]]),
    [[a, b]],
  );
  await play.all();
  assert.equal(play.head(a).previous, null);
});

test("an update that keeps failing is refused", async () => {
  const play = await Play.begun({ base_ms: 0, max_attempts: 2 });
  const { a, bench } = play;
  const before = play.core(a);
  play.send(a, bench.tree({ wit_update: bench.blob("external:puppet/1"), program: bench.blob("F") }), UPDATE);
  const [first, second] = await play.all();
  assert.deepEqual([first, second], [null, play.target(`heads/${a}`)]);
  assert.deepEqual([play.core(a), play.target(`failed/${a}`)], [before, null]);
});

test("mail to the agent, acknowledgement and effects", async () => {
  const play = await Play.begun();
  const { a, bench, runtime } = play;
  const say = (type) => `530071${Buffer.from([type.length]).toString("hex")}${Buffer.from(type).toString("hex")}01`;
  play.do(a, ["hi", "effect.x", "effect.", "effect.y"].map(say).join(""), {
    "00": runtime.agent,
    "01": bench.blob("x"),
  });
  await play.all();
  const mail = runtime.mail();
  assert.deepEqual(
    mail.map(([sender]) => sender),
    [a, a, a, a],
  );
  const effects = runtime.effects();
  assert.deepEqual(
    effects.map(({ kind, message, request }) => [kind, message, request]),
    [
      ["x", mail[1][1], "eA"],
      ["y", mail[3][1], "eA"],
    ],
  );
  runtime.resolve(effects[1].effect, { failed: "no" });
  assert.equal(play.head(runtime.agent).inbox.has(a), false);
  assert.deepEqual(
    runtime.effects().map(({ kind }) => kind),
    ["x"],
  );
  assert.equal(
    refusalOf(() => runtime.resolve(effects[1].effect, { failed: "no" })),
    "missing",
  );
  assert.equal(
    refusalOf(() => runtime.resolve(effects[0].effect, { failed: "\ud800" })),
    "invalid",
  );
  runtime.acknowledge(a, mail[0][1]);
  runtime.resolve(effects[0].effect, { ok: Buffer.from("y") });
  assert.equal(play.head(runtime.agent).inbox.get(a), mail[1][1]);
  const answer = bench.read(play.head(runtime.agent).outbox.get(a));
  assert.deepEqual(Object.fromEntries(answer.headers), { mt: "effect.ok", reply: mail[1][1] });
  play.again();
  assert.deepEqual(
    play.runtime.effects().map(({ kind }) => kind),
    ["y"],
  );
  play.runtime.acknowledge(a, mail[3][1]);
  play.runtime.acknowledge(a, mail[3][1]);
  assert.deepEqual(play.runtime.mail(), []);
  assert.equal(
    refusalOf(() => play.runtime.acknowledge(a, mail[0][1])),
    "rejected",
  );
  assert.equal(
    refusalOf(() => play.runtime.acknowledge(play.bench.core("z"), mail[0][1])),
    "missing",
  );
});

test("actors that nothing references are collected and not created again", async () => {
  const play = await Play.begun();
  const { a, b, bench, runtime } = play;
  play.do(a, "5300710001 53f07100 02", { "00": b, "01": bench.blob("x"), "02": bench.blob("y") });
  await play.all();
  assert.deepEqual(runtime.collect(), []);
  // The agent lets go of both by nothing that a runtime offers, so an agent of another name takes over the bundle's actors.
  const other = new Play({ agent: "other" });
  const { store } = other.bench;
  for (const id of bench.store.closure([play.target(`heads/${a}`), play.target(`heads/${b}`)])) {
    if (bench.store.backend.find(id)) store.put(bench.store.get(id));
  }
  for (const actor of [a, b]) store.swap([{ name: `heads/${actor}`, old: null, new: play.target(`heads/${actor}`) }]);
  store.swap([{ name: "actors/b", old: null, new: b }]);
  assert.deepEqual(other.runtime.collect(), [a]);
  store.swap([{ name: "actors/b", old: b, new: null }]);
  assert.deepEqual(other.runtime.collect(), [b]);
  assert.equal(other.target(`heads/${b}`), null);
  other.send(b, b, GENESIS);
  await other.all();
  assert.equal(other.target(`heads/${b}`), null);
  assert.notEqual(other.target(`gone/${b}`), null);
});

test("sleeping actors block no other actor, and stop on request", async () => {
  const play = await Play.begun({ schedule: "free", clock: "system", base_ms: 0, max_attempts: 1 });
  const { a, b, bench, runtime } = play;
  for (const to of [a, b]) play.do(to, "5a0064");
  const began = performance.now();
  assert.equal((await runtime.run(100)).cause, "rest");
  assert.ok(performance.now() - began < 190);
  play.do(a, "5aea60");
  play.do(b, "57016b0000");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(Object.hasOwn(play.core(b), "k"));
  const stray = bench.blob("stray");
  bench.workspace.keep();
  assert.equal(bench.store.prune([]), 1);
  assert.equal(
    refusalOf(() => bench.store.get(stray)),
    "missing",
  );
  const head = play.target(`heads/${a}`);
  await runtime.stop("now");
  assert.equal(play.target(`heads/${a}`), head);
  play.again({ transition_ms: 30 });
  const { cause, parked } = await play.runtime.run(100);
  assert.deepEqual([cause, parked], ["rest", [[a, "timeout"]]]);
  play.again();
  assert.deepEqual((await play.runtime.run(100)).parked, [[a, "unknown"]]);
  play.runtime.end();
});

test("a drain lets what is in progress end and begins nothing", async () => {
  const play = await Play.begun({ schedule: "free", clock: "system" });
  const { a, runtime } = play;
  play.do(a, "5a0032 57016b0000");
  await new Promise((resolve) => setTimeout(resolve, 15));
  play.do(a, "57016c0000");
  await runtime.stop("drain");
  assert.deepEqual([Object.hasOwn(play.core(a), "k"), Object.hasOwn(play.core(a), "l")], [true, false]);
});

test("two runtimes on one store fork no head", async () => {
  const play = await Play.begun();
  const second = new Play({}, play.bench);
  play.do(play.a, "41036c6f67000161");
  const [mine, its] = [play.ready, second.ready];
  assert.deepEqual(mine, its);
  assert.ok(await play.runtime.choose(0));
  assert.deepEqual(second.ready, []);
  assert.equal(play.bench.text(play.core(play.a).log), "a");
});

test("queries ask the head", async () => {
  const play = await Play.begun();
  const { a, b, runtime, bench } = play;
  const { step, result } = runtime.query(a, "step", Buffer.alloc(0));
  assert.deepEqual([step, bench.text(result)], [play.target(`heads/${a}`), step]);
  assert.equal(
    refusalOf(() => runtime.query(bench.core("z"), "step", Buffer.alloc(0))),
    "missing",
  );
  assert.equal(
    refusalOf(() => runtime.query(runtime.agent, "step", Buffer.alloc(0))),
    "rejected/unresolved",
  );
  assert.equal(
    refusalOf(() => runtime.query(a, "fail", Buffer.alloc(0))),
    "rejected/failed",
  );
  play.do(a, "5100 04 73746570 01 0171 5100 02 6e6f 01 0172 51 02 02 6e6f 01 0173", {
    "00": b,
    "01": bench.blob("x"),
    "02": bench.tree({ x: b }),
  });
  await play.all();
  const { q, r, s } = play.core(a);
  assert.deepEqual([bench.text(q), r, bench.text(s)], [play.target(`heads/${b}`), undefined, "error"]);
});
