import assert from "node:assert/strict";
import test from "node:test";
import { SESSION_OPERATIONS } from "../src/operations-session.js";
import { Misfit, Refusal } from "../src/refusal.js";
import { Runtime } from "../src/runtime/runtime.js";
import { cbor, chapter, framed, refusalOf } from "./objects.js";
import { Bench, hex } from "./rounds.js";

const CONFIG = {
  agent: "test",
  schedule: "free",
  clock: "suite",
  base_ms: 0,
  cap_ms: 0,
  max_attempts: 1,
  transition_ms: 0,
};
const HELLO = Buffer.from('{"kind":"user","prompt":"hello"}');
const GUEST = "external:session/1";
const PUPPET = "external:puppet/1";
const NONE = "0".repeat(64);

/** A promise of what a refusal is, as refusalOf() gives it. */
async function refusedBy(promise) {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof Refusal, error.stack);
    return error.code === undefined ? error.refusalClass : `${error.refusalClass}/${error.code}`;
  }
  return "none";
}

/** A runtime with sessions, on a store in memory. */
class House {
  constructor(format = framed, bench = new Bench(format)) {
    this.bench = bench;
    this.runtime = new Runtime(bench.store, CONFIG);
    this.agent = this.runtime.agent;
    this.sessions = this.runtime.sessions;
  }

  limit(limits) {
    this.sessions.limit({ max_live: 128, idle_ms: 300_000, lease_ms: 600_000, ...limits });
  }

  target(name) {
    return this.bench.store.backend.references.target(name);
  }

  swap(...changes) {
    this.bench.workspace.keep();
    this.bench.store.swap(changes.map(([name, old, target]) => ({ name, old, new: target })));
  }

  /** The core of a session. */
  core(number, { code = GUEST, host = this.agent, ...more } = {}) {
    const { bench } = this;
    const nonce = bench.blob(Buffer.alloc(32, number), [["ct", "b"]]);
    const wit = bench.blob(code, [["ct", "s"]]);
    const core = bench.tree({ session: bench.tree({ host, nonce }), wit, wit_query: wit, ...more });
    bench.workspace.keep();
    return core;
  }

  /** The core of a puppet whose genesis message runs a program. */
  puppet(number, program, operands = {}) {
    const { bench } = this;
    return this.core(number, { code: PUPPET, program: bench.blob(hex(program)), ...operands });
  }

  /** Run until rest, and acknowledge what the actors sent. */
  async rest() {
    await this.runtime.run(1000);
    for (const [sender, message] of this.runtime.mail())
      if (sender !== this.agent) this.runtime.acknowledge(sender, message);
  }

  async open(number, at = 1000) {
    const { session } = await this.sessions.open({ at, core: this.core(number) });
    await this.rest();
    return session;
  }

  async opened(...numbers) {
    const ids = [];
    for (const number of numbers) ids.push(await this.open(number, number));
    return ids;
  }

  send(session, at, headers = [], content = this.bench.blob("x")) {
    this.bench.workspace.keep();
    return this.sessions.send({ at, session, headers, content });
  }

  inject(to, content, headers = [], mode = "queue") {
    this.bench.workspace.keep();
    return this.runtime.inject({ to, headers, content, mode });
  }

  prepare(session, at) {
    return this.sessions.prepare({ at, session, request: HELLO });
  }

  archive(session, at) {
    return this.sessions.archive({ at, session });
  }

  restore(session, at) {
    return this.sessions.restore({ at, session });
  }

  /** The notices of the agent: [type, at, session]. */
  get notices() {
    const mail = this.runtime.mail().filter(([sender]) => sender === this.agent);
    return mail.map(([, id]) => {
      const headers = new Map(this.bench.read(id).headers);
      return [headers.get("mt").replace("session_", ""), Number(headers.get("at")), headers.get("session")];
    });
  }

  /** The JSON of the newest notice. */
  get newest() {
    const [, id] = this.runtime.mail().findLast(([sender]) => sender === this.agent);
    const { content } = this.bench.read(id);
    const { kind } = this.bench.read(content);
    return JSON.parse(this.bench.text(kind === "tree" ? this.bench.entries(content).info : content));
  }

  /** How many steps the agent has made. */
  get steps() {
    let count = 0;
    for (let id = this.target(`heads/${this.agent}`); id !== null; id = this.bench.read(id).previous) count += 1;
    return count;
  }
}

test("the notices of the text", async () => {
  const text = chapter("session/examples").split("*Archive and restore.*")[1];
  const wanted = text.match(/\b[0-9a-f]{16}\b/g);
  for (const [i, format] of [framed, cbor].entries()) {
    const house = new House(format);
    const nonce = Buffer.from(Array.from({ length: 32 }, (_, number) => number));
    const { session, turn } = await house.sessions.prepare({ at: 1000, session: null, request: HELLO, nonce });
    const request = house.bench.blob(HELLO, [["ct", "j"]]);
    const content = house.bench.tree({ request, response: house.bench.blob("hi there", [["ct", "s"]]) });
    for (const at of [1500, 1600]) {
      const headers = Object.entries({ at: String(at), mt: "commit", turn });
      house.send(session, at, headers, content);
      await house.rest();
    }
    assert.deepEqual(house.sessions.sweep({ at: 301_600 }), []);
    assert.deepEqual(house.sessions.sweep({ at: 400_000 }), [session]);
    assert.deepEqual([house.newest.touched, house.newest.reason], [1600, "idle_timeout"]);
    house.restore(session, 500_000);
    const ids = house.runtime.mail().map(([, id]) => id.slice(0, 16));
    assert.deepEqual(ids, [wanted[i], wanted[i + 2]]);
  }
});

test("a session is opened as a whole or not at all", async () => {
  const house = new House();
  const refused = (core) => refusedBy(house.sessions.open({ at: 5, core }));
  const [closed, gone, moved, archived, marked, spoken] = [1, 2, 3, 4, 5, 6].map((number) => house.core(number));
  const blob = house.bench.blob("x");
  for (const [space, id] of Object.entries({ closed, gone, moved, archived }))
    house.swap([`${space}/${id}`, null, blob]);
  const mark = house.bench.writeStep({ ...house.bench.step(house.target(`heads/${house.agent}`)), previous: null });
  house.swap([`failed/${marked}`, null, house.bench.read(mark).inbox]);
  house.inject(spoken, blob);
  const steps = house.steps;
  const found = [];
  for (const core of [closed, gone, moved, archived, house.agent, marked, spoken]) found.push(await refused(core));
  assert.deepEqual(found, [
    "rejected/closed",
    "rejected/gone",
    "rejected/moved",
    "missing/archived",
    "rejected/live",
    "rejected/busy",
    "rejected/busy",
  ]);
  assert.equal(await refused(house.core(7, { host: house.core(8) })), "rejected/host");
  assert.equal(await refused(house.core(9, { code: "external:none" })), "rejected/unresolved");
  assert.equal(await refused(house.puppet(10, "46")), "rejected/failed");
  assert.equal(await refused(blob), "rejected");
  assert.equal(await refused("1".repeat(64)), "missing");
  assert.equal(house.steps, steps);
  assert.equal(await refused(house.core(11)), "none");
  assert.equal(house.steps, steps + 1);
});

test("what is opened without a nonce has a new id each time, and a prepared turn leaves nothing behind", async () => {
  const house = new House();
  const prepared = await Promise.all([house.prepare(null, 1), house.prepare(null, 1)]);
  assert.notEqual(prepared[0].session, prepared[1].session);
  await house.rest();
  const { position } = house.bench.store.backend.references;
  const { session, turn } = prepared[0];
  assert.equal((await house.prepare(session, 2)).turn, turn);
  assert.equal(house.bench.store.backend.references.position, position);
  assert.equal(house.bench.store.backend.find(turn), undefined);
  const silent = house.core(3, { code: PUPPET });
  await house.sessions.open({ at: 1, core: silent });
  assert.equal(await refusedBy(house.prepare(silent, 2)), "rejected/answer");
  await house.rest();
  assert.equal(house.archive(silent, 3), house.target(`archived/${silent}`));
});

test("the sessions that were touched least make room", async () => {
  const house = new House();
  const [a, b, c] = await house.opened(1, 2, 3);
  house.limit({ max_live: 3 });
  house.send(a, 50);
  await house.rest();
  await house.prepare(b, 4);
  const d = await house.open(4, 40);
  assert.deepEqual(house.notices, [["archived", 40, c]]);
  assert.deepEqual([house.newest.reason, house.newest.touched], ["capacity_pressure", 3]);
  house.limit({ max_live: 1 });
  assert.equal(await refusedBy(house.sessions.open({ at: 41, core: house.core(5) })), "exhausted/sessions");
  assert.equal(
    refusalOf(() => house.restore(c, 41)),
    "exhausted/sessions",
  );
  house.limit({ max_live: 2 });
  house.restore(c, 41);
  assert.deepEqual(house.notices.slice(1), [
    ["archived", 41, d],
    ["archived", 41, a],
    ["restored", 41, c],
  ]);
});

test("a lease ends by a commit, an abandon or in time, not by a clock that goes back", async () => {
  const house = new House();
  const [a, b] = await house.opened(1, 2);
  const refused = (session, at) => refusalOf(() => house.archive(session, at));
  house.limit({ lease_ms: 100 });
  await house.prepare(a, 1000);
  await house.prepare(a, 10);
  house.send(a, 1001, [["mt", "other"]]);
  await house.rest();
  assert.deepEqual([refused(a, 1100), refused(a, 3), refused(a, 1101)], ["rejected/leased", "rejected/leased", "none"]);
  for (const mt of ["abandon", "commit"]) {
    await house.prepare(b, 1000);
    assert.equal(refused(b, 1000), "rejected/leased");
    house.send(b, 5, [["mt", mt]]);
    house.send(b, 5, [["mt", "cleanup"]]);
    assert.equal(refused(b, 5), "rejected/busy");
    await house.rest();
    assert.equal(refused(b, 6), "none");
    house.restore(b, 7);
    assert.equal(house.newest.at, 7);
  }
  house.limit({ lease_ms: 0 });
  await house.prepare(b, 1);
  house.inject(b, house.bench.blob("x"), [["mt", "commit"]]);
  house.inject(b, house.bench.blob("x"), [["mt", "other"]], "signal"); // which supersedes the commit
  await house.rest();
  assert.equal(refused(b, 10 ** 12), "rejected/leased");
});

test("a sweep archives what is idle, quiet and not leased", async () => {
  const house = new House();
  const [a, b, c, d] = await house.opened(4, 3, 2, 1);
  house.limit({ idle_ms: 0 });
  assert.deepEqual(house.sessions.sweep({ at: 10 ** 12 }), []);
  house.limit({ idle_ms: 10, lease_ms: 0 });
  await house.prepare(c, 1);
  house.send(d, 0);
  await house.runtime.run(100); // the reply is unread
  assert.deepEqual(house.sessions.sweep({ at: 13 }), []);
  assert.deepEqual(house.sessions.sweep({ at: 15 }), [b, a]);
  const [archived] = house.runtime.mail().filter(([sender]) => sender === house.agent);
  assert.equal(house.bench.read(archived[1]).previous, null);
});

test("an archived session is asked for once for each target", async () => {
  const house = new House();
  const [a, b] = await house.opened(1, 2);
  for (const session of [a, b]) house.archive(session, 100);
  house.inject(a, house.bench.blob("x")); // which asks for nothing
  const before = house.notices.length;
  const steps = house.steps;
  const refusal = await refusedBy(house.prepare(a, 200));
  assert.equal(refusal, "missing/archived");
  assert.equal(
    refusalOf(() => house.send(a, 201)),
    "missing/archived",
  );
  assert.equal(
    refusalOf(() => house.archive(b, 201)),
    "missing/archived",
  );
  assert.deepEqual(house.notices.slice(before), [
    ["restore_requested", 200, a],
    ["restore_progress", 200, a],
  ]);
  assert.deepEqual(house.newest, { message: "", percent: 0, stage: "requested" });
  assert.equal(house.steps, steps + 1);
  house.restore(a, 300);
  await house.rest();
  house.archive(a, 400); // at another step
  await refusedBy(house.prepare(a, 500));
  assert.deepEqual(house.notices.slice(-2)[0], ["restore_requested", 500, a]);
});

test("the first mail of an actor asks for all archived sessions that it is for", async () => {
  const house = new House();
  const { bench } = house;
  const ids = (await house.opened(1, 2)).sort();
  const plain = bench.core("plain");
  const other = bench.core("other");
  for (const actor of [plain, other]) house.inject(actor, actor, [["mt", "genesis"]]);
  await house.rest();
  for (const session of ids) house.archive(session, 100);
  const head = house.target(`heads/${other}`);
  house.swap([`heads/${other}`, head, null], [`archived/${other}`, null, head]); // no session
  const operands = { "00": ids[1], "01": ids[0], "02": other, "03": bench.blob("x") };
  const steps = house.steps;
  for (let round = 0; round < 2; round += 1) {
    house.inject(plain, bench.program("5300710003 5301710003 5302710003", operands));
    await house.rest();
  }
  assert.deepEqual(
    house.notices.slice(2).map(([mt, at, id]) => [mt, at, ids.indexOf(id)]),
    [
      ["restore_requested", 100, 0],
      ["restore_progress", 100, 0],
      ["restore_requested", 100, 1],
      ["restore_progress", 100, 1],
    ],
  );
  assert.equal(house.steps, steps + 4); // one for each of them
  const opened = house.puppet(3, "5300710001", { "00": ids[0], "01": bench.blob("y") });
  house.restore(ids[0], 200);
  house.swap([`heads/${ids[0]}`, house.target(`heads/${ids[0]}`), null], [`archived/${ids[0]}`, null, head]);
  const count = house.notices.length;
  await house.sessions.open({ at: 5, core: opened });
  assert.equal(house.notices.length, count); // that target is not a step of the session
});

test("a first step that sends mail to an archived session asks for it before it makes room", async () => {
  const house = new House();
  const [a, b] = await house.opened(1, 2);
  house.archive(a, 100);
  house.limit({ max_live: 1 });
  const steps = house.steps;
  await house.sessions.open({ at: 5, core: house.puppet(3, "5300710001", { "00": a, "01": house.bench.blob("y") }) });
  assert.deepEqual(house.notices.slice(1), [
    ["restore_requested", 100, a],
    ["restore_progress", 100, a],
    ["archived", 5, b],
  ]);
  assert.equal(house.steps, steps + 3);
});

test("progress does not go back while a session is archived", async () => {
  const house = new House();
  const [a] = await house.opened(1);
  const report = (text) => refusalOf(() => house.sessions.progress({ at: 7, session: a, progress: Buffer.from(text) }));
  assert.equal(report("{}"), "rejected/live");
  house.archive(a, 5);
  const texts = ['{"percent":50}', '{"percent":49}', '{"percent":50.0}', '{"stage":"x"}', '{"percent":101}', "[]", "{"];
  assert.deepEqual(texts.map(report), [
    "none",
    "invalid/percent",
    "invalid/percent",
    "none",
    "invalid/percent",
    "malformed/progress",
    "malformed/progress",
  ]);
  assert.equal(report('{"percent":50}'), "none");
  assert.deepEqual(house.newest, { percent: 50 });
  house.restore(a, 8);
  house.archive(a, 9);
  assert.equal(report('{"percent":1}'), "none");
  assert.equal(
    refusalOf(() => house.sessions.progress({ at: 1, session: NONE, progress: Buffer.from("{}") })),
    "missing/session",
  );
});

test("a session is restored from a step outside once that is whole", async () => {
  const house = new House();
  const { bench } = house;
  const [a, b] = await house.opened(1, 2);
  const step = house.archive(a, 5);
  const name = (id, headers = [["ct", "s"]]) => bench.blob(id, headers);
  const erased = bench.blob("gone");
  bench.workspace.keep();
  bench.store.erase(erased);
  const lost = bench.tree({ x: bench.blob("lost") });
  const half = bench.workspace.write({ ...bench.read(step), core: lost });
  const targets = [
    [name("x"), "invalid/session"],
    [name(step, []), "invalid/session"],
    [name(house.target(`heads/${b}`)), "invalid/session"],
    [house.target(`heads/${b}`), "invalid/session"],
    [name(erased), "invalid/session"],
    [name("1".repeat(64)), "missing/outside"],
    [half, "rejected/host"],
    [name(half), "rejected/host"],
    [name(step), "none"],
  ];
  let last = step;
  for (const [target, wanted] of targets) {
    house.swap([`archived/${a}`, last, target]);
    assert.equal(
      refusalOf(() => house.restore(a, 6)),
      wanted,
    );
    last = target;
  }
  assert.equal(house.target(`heads/${a}`), step);
});

test("the agent notes the mail of another store, or refuses it", async () => {
  const house = new House();
  const { bench } = house;
  const [a] = await house.opened(1);
  const step = house.archive(a, 5);
  house.runtime.release([a]);
  house.restore(a, 6);
  assert.equal(house.target(`adopted/${a}`), step);
  const head = bench.step(house.target(`heads/${house.agent}`));
  const { inbox, outbox } = bench.step(step);
  assert.deepEqual([head.outbox.get(a), head.inbox.get(a)], [inbox.get(house.agent), outbox.get(house.agent)]);
  assert.equal(house.runtime.mail().length, 2); // notices

  house.send(a, 7, [["mt", "abandon"]]);
  await house.rest();
  const later = house.archive(a, 8);
  house.swap([`archived/${a}`, later, step]); // back to before what the agent has read
  assert.equal(
    refusalOf(() => house.restore(a, 9)),
    "rejected/mail",
  );
  const elsewhere = bench.message(null, [["mt", "genesis"]], bench.blob("elsewhere"));
  const forked = bench.writeStep({ ...bench.step(later), inbox: new Map([[house.agent, elsewhere]]) });
  house.swap([`archived/${a}`, step, forked]);
  assert.equal(
    refusalOf(() => house.restore(a, 9)),
    "rejected/mail",
  );
});

test("a closed session is away for ever", async () => {
  const house = new House();
  const { bench } = house;
  const [a, b, c] = await house.opened(1, 2, 3);
  const close = (session) => house.sessions.close({ at: 9, session });
  await house.prepare(a, 5);
  const step = close(a);
  assert.deepEqual(house.newest, { at: 9, session: a, step });
  assert.deepEqual([house.target(`closed/${a}`), house.target(`heads/${a}`)], [step, null]);
  const steps = house.steps;
  assert.equal(close(a), step);
  const head = bench.step(house.target(`heads/${house.agent}`));
  assert.deepEqual([head.inbox.has(a), head.outbox.has(a)], [false, false]);
  assert.equal(house.steps, steps);
  for (const work of [() => house.restore(a, 9), () => house.archive(a, 9), () => house.send(a, 9)])
    assert.equal(refusalOf(work), "rejected/closed");

  const place = house.archive(b, 6);
  house.inject(b, bench.blob("waits"));
  const name = bench.blob("2".repeat(64), [["ct", "s"]]);
  house.swap([`archived/${b}`, place, name]);
  assert.equal(close(b), "2".repeat(64));
  assert.equal(close(b), "2".repeat(64));
  assert.equal(house.target(`closed/${b}`), name);

  house.send(c, 7);
  assert.equal(
    refusalOf(() => close(c)),
    "rejected/busy",
  );
  await house.rest();
  house.swap([`archived/${c}`, null, name]);
  assert.deepEqual(house.sessions.sweep({ at: 10 ** 9 }), []); // it is away
  const last = house.target(`heads/${c}`);
  assert.equal(close(c), last);
  assert.deepEqual([house.target(`heads/${c}`), house.target(`archived/${c}`)], [null, null]);
  assert.equal(
    refusalOf(() => close(house.agent)),
    "missing/session",
  );
  assert.equal(
    refusalOf(() => close(NONE)),
    "missing/session",
  );
});

test("only the runtime sends notices to the agent", async () => {
  const house = new House();
  const [a] = await house.opened(1);
  const headers = [["mt", "session_x"]];
  assert.equal(
    refusalOf(() => house.inject(house.agent, house.bench.blob("x"), headers)),
    "rejected",
  );
  house.inject(a, house.bench.blob("x"), headers);
  house.inject(house.agent, house.bench.blob("x"), [["mt", "session"]]);
});

test("a chosen schedule has no host of sessions, and the operations have one form each", async () => {
  const { store } = new Bench(framed);
  const runtime = new Runtime(store, { ...CONFIG, schedule: "chosen" });
  assert.equal(
    refusalOf(() => runtime.sessions),
    "rejected",
  );
  const prepare = SESSION_OPERATIONS["session.prepare"];
  const nonce = Buffer.alloc(32).toString("base64url");
  const args = { runtime: "r", at: 1, session: null, request: "", nonce };
  prepare.check(prepare.args(args, "args"));
  assert.throws(() => prepare.check(prepare.args({ ...args, session: NONE }, "args")), Misfit);
  assert.throws(() => prepare.args({ ...args, nonce: "AA" }, "args"), Misfit);
  const house = new House();
  const limits = { max_live: 1, idle_ms: 1, lease_ms: 1 };
  SESSION_OPERATIONS["session.limits"].onRuntime({ runtime: "r", ...limits }, house.runtime);
  await house.opened(1, 2);
  assert.equal(house.notices.length, 1);
  assert.throws(() => SESSION_OPERATIONS["session.limits"].args({ runtime: "r", ...limits, max_live: 0 }, "args"));
});
