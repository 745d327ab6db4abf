import assert from "node:assert/strict";
import test from "node:test";
import { CONTENT, Play, SELF, ops, spellOutcome } from "./image-bench.js";
import { framed, refusalOf } from "./objects.js";

const F = 0xf0;
const NOTICED = [ops.add("f", 1)];

/** An image with principals A to D, which may send and read everything, and count the notices that they read. */
class Cast extends Play {
  static of(names, more = {}) {
    const cast = new Cast(framed);
    cast.image.start();
    const code = { failed: cast.program(NOTICED), ...more.code };
    for (const name of names) {
      const image = { entry: { run: "*", ...more.entry } };
      cast[name] = cast.born(cast.principal(name, { code, image }));
      for (const capability of ["send.*.*", "send.*.image.*", "read.*", "spawn"])
        assert.equal(cast.outcome(cast[name], "image.grant", cast.text(capability)), "committed");
    }
    return cast;
  }

  /** A program in the notation of the worked examples: [ops, ...], each an op or [mode, actor, program]. */
  tree(steps) {
    const operands = [];
    const list = steps.map((step) => {
      if (Buffer.isBuffer(step)) return step;
      const [mode, actor, below] = step;
      operands.push(this[actor], this.tree(below));
      return ops.send(operands.length - 2, mode, "run", operands.length - 1);
    });
    return this.program(list, operands);
  }

  does(actor, ...steps) {
    return this.outcome(this[actor], "run", this.tree(steps));
  }

  /** The entries x, y, z, w and f of actors, as "A x=1 f=1, ...". */
  get state() {
    return ["A", "B", "C", "D"]
      .map((name) => {
        const entries = ["x", "y", "z", "w", "f"].map((entry) => [entry, this.at(this[name], entry)]);
        const there = entries.filter(([, value]) => value !== undefined);
        return there.length === 0 ? null : `${name} ${there.map((each) => each.join("=")).join(" ")}`;
      })
      .filter((each) => each !== null)
      .join(", ");
  }
}

const w = (entry, value) => ops.write(entry, String(value));
const FAIL = ops.fail();

const SAVEPOINTS = [
  [[w("x", 1), ["join", "B", [w("y", 1)]]], "committed", "A x=1, B y=1"],
  [[w("x", 1), FAIL], "rejected/failed", ""],
  [[w("x", 1), ["join", "B", [w("y", 1), FAIL]]], "rejected/failed", ""],
  [
    [
      ["save", "B", [w("y", 1)]],
      ["join", "C", [FAIL]],
    ],
    "rejected/failed",
    "",
  ],
  [[w("x", 30), ["save", "B", [w("y", 31), FAIL]], ["join", "C", [w("z", 33)]]], "committed", "A x=30 f=1, C z=33"],
  [[w("x", 1), ["save", "B", [w("y", 1), ["join", "C", [w("z", 1), FAIL]]]]], "committed", "A x=1 f=1"],
  [
    [w("x", 1), ["save", "B", [w("y", 1), ["save", "C", [w("z", 1)]], ["join", "D", [FAIL]]]]],
    "committed",
    "A x=1 f=1",
  ],
  [[["save", "B", [w("y", 1), ["save", "C", [w("z", 1), FAIL]]]]], "committed", "B y=1 f=1"],
  [[w("x", 50), ["save", "A", [w("x", 51), FAIL]]], "committed", "A x=50 f=1"],
  [
    [
      w("x", 1),
      [
        "save",
        "B",
        [
          ["join", "A", [w("x", 9)]],
          ["join", "B", [FAIL]],
        ],
      ],
    ],
    "committed",
    "A x=1 f=1",
  ],
  [
    [
      ["save", "B", [["post", "C", [w("z", 1)]], FAIL]],
      ["post", "D", [w("w", 1)]],
    ],
    "committed",
    "A f=1, D w=1",
  ],
];

for (const [i, [steps, outcome, state]] of SAVEPOINTS.entries()) {
  test(`savepoint ${i + 1}`, async () => {
    const cast = Cast.of("ABCD");
    assert.equal(cast.does("A", ...steps), outcome);
    assert.equal((await cast.rest()).cause, "rest");
    assert.equal(cast.state, state);
  });
}

test("a containment of five axes", () => {
  const begin = ({ entry = true, cap = true, fails = false } = {}) => {
    const play = Play.begun(framed);
    const p = play.born(play.principal("p"));
    const spend = play.program([ops.write("x", "1"), ...(fails ? [ops.fail()] : [])]);
    const b = play.tool(p, "b", { code: { spend } });
    const a = play.tool(p, "a");
    play.born(a);
    play.born(b);
    if (entry) play.request(b, "image.entry", play.text(`spend\n${a}`));
    play.request(b, "image.entry", play.text(`run\n${a}`));
    if (cap) play.request(a, "image.grant", play.text(`send.${b}.spend`));
    play.request(a, "image.grant", play.text(`send.${b}.run`));
    const attack = [ops.write("y", "1"), ops.send(0, "join", "spend", F)];
    return { play, a, b, attack: (list = attack, operands = [b]) => play.run(a, list, operands) };
  };
  const unhurt = ({ play, a, b }) => assert.deepEqual([play.at(a, "y"), play.at(b, "x")], [undefined, undefined]);
  const none = begin();
  assert.equal(none.attack(), "committed");
  assert.deepEqual([none.play.at(none.a, "y"), none.play.at(none.b, "x")], ["1", "1"]);
  const language = begin();
  const bad = language.play.program([Buffer.from("Q")]);
  const send = [ops.write("y", "1"), ops.send(0, "join", "run", 1)];
  assert.equal(language.attack(send, [language.b, bad]), "malformed/program");
  unhurt(language);
  const location = begin();
  const reserved = [ops.write("y", "1"), ops.write("code/spend", "1"), ops.send(0, "join", "spend", F)];
  assert.equal(location.attack(reserved), "rejected/location");
  unhurt(location);
  for (const [change, outcome] of [
    [{ entry: false }, "rejected/entry"],
    [{ cap: false }, "rejected/capability"],
    [{ fails: true }, "rejected/failed"],
  ]) {
    const scene = begin(change);
    assert.equal(scene.attack(), outcome);
    unhurt(scene);
  }
});

test("paths", () => {
  const cast = Cast.of("A");
  for (const path of ["a", "a/b", "imagex", "Image", "codex", "~", "a%2fb", "x/image"])
    assert.equal(cast.run(cast.A, [ops.write(path, "1")]), "committed", path);
  for (const path of ["image", "image/caps/x", "code/h", "wit", "wit_query", "src/t", "frozen", "wasm/state"])
    assert.equal(cast.run(cast.A, [ops.put(path, SELF)]), "rejected/location", path);
  for (const path of ["", "/a", "a/", "a//b", ".", "a/../image"])
    assert.equal(cast.run(cast.A, [ops.put(path, SELF)]), "malformed/program", path);
});

test("a budget", () => {
  const play = Play.begun(framed);
  const a = play.born(play.principal("500", { code: { buy: play.program([ops.count("n", "-")]) } }));
  const left = [1, 2, 3].map(() => [play.outcome(a, "buy", play.text("200")), play.at(a, "n")]);
  assert.deepEqual(left, [
    ["committed", "300"],
    ["committed", "100"],
    ["rejected/range", "100"],
  ]);
});

test("timers fire in their order", async () => {
  const play = Play.begun(framed);
  const ticks = Object.fromEntries(["a", "b", "c", "d"].map((name) => [name, play.program([ops.append("log", name)])]));
  const a = play.born(play.principal("1", { code: ticks }));
  const set = (...list) =>
    play.run(
      a,
      list.map((_, i) => ops.send(SELF, "join", "image.timer", i)),
      list,
    );
  set("100 a", "50 b");
  set("50 c", "0 d");
  await play.rest();
  assert.equal(play.at(a, "log"), "d");
  play.image.setClock(100n);
  await play.rest();
  assert.equal(play.at(a, "log"), "dbca");
  assert.equal(play.at(a, "image/timers"), undefined);
});

test("posts run in their order, also after a restart", async () => {
  for (const isRestarted of [false, true]) {
    const play = Play.begun(framed);
    const cores = ["1", "2", "3", "4"].map((n) => play.principal(n, { image: { entry: { run: "*" } } })).sort();
    for (const core of cores) {
      play.born(core);
      play.request(core, "image.grant", play.text("send.*.*"));
    }
    const [a, b, c, d] = cores;
    const nothing = play.program([ops.add("n", 1)]);
    play.run(d, [ops.send(0, "post", "run", 1)], [a, nothing]);
    const fromA = [ops.send(0, "post", "run", 3), ops.send(1, "post", "run", 3), ops.send(2, "join", "run", 4)];
    const toC = play.program([ops.send(0, "post", "run", 1)], [c, nothing]);
    assert.equal(play.run(a, fromA, [d, c, b, nothing, toC]), "committed");
    const scene = isRestarted ? play.again() : play;
    const before = scene.image.world({ after: null, limit: 1 }).seq;
    await scene.rest();
    const names = new Map(cores.map((core, i) => [core, "ABCD"[i]]));
    const roots = [1, 2, 3, 4].map((i) => {
      const [, sender, target] = /root (\S+) (\S+)/.exec(scene.record(before + i));
      return `${names.get(sender)}->${names.get(target)}`;
    });
    assert.deepEqual(roots, ["D->A", "A->C", "A->D", "B->C"]);
  }
});

test("posts of the outside run one after another", async () => {
  const play = Play.begun(framed);
  const a = play.born(play.principal("1"));
  const content = play.program([ops.add("n", 1)]);
  play.bench.workspace.keep();
  const inject = () => play.runtime.inject({ to: a, headers: [["mt", "run"]], content, mode: "queue" });
  const ids = [inject(), inject(), inject()];
  assert.deepEqual(await play.rest(), { cause: "rest", steps: 3, parked: [] });
  assert.deepEqual([play.at(a, "n"), play.head(a).inbox.get(play.agent)], ["4", ids[2]]);
  assert.equal(play.head(play.agent).outbox.get(a), ids[2]);
});

test("fuel is counted exactly", () => {
  const cast = Cast.of("AB");
  const quota = (fuel) => cast.request(cast.A, "image.quota", cast.text(spellFuel(fuel)));
  const spellFuel = (fuel) => `actors 10\nbytes 1000000\nfuel ${fuel}\nposts 9\nsubs 9\ntimers 9\n`;
  quota(10);
  assert.equal(cast.does("A", ["save", "B", [ops.spin(3), ops.spin(3)]]), "exhausted/fuel");
  assert.match(cast.record(cast.image.world({ after: null, limit: 1 }).seq), /\nfuel 7\n/);
  quota(11);
  assert.equal(cast.does("A", ["save", "B", [ops.spin(3), ops.spin(3)]]), "committed");
});

test("a recorded key gives its reply again", () => {
  const play = Play.begun(framed);
  const a = play.born(play.principal("1"));
  const add = play.program([ops.add("n", 1)]);
  const first = play.request(a, "run", add, { key: "k" });
  assert.deepEqual(play.request(a, "run", add, { key: "k" }), first);
  assert.deepEqual(play.again().request(a, "run", add, { key: "k" }), first);
  assert.equal(play.at(a, "n"), "2");
  assert.equal(
    refusalOf(() => play.request(a, "run", add, { key: "" })),
    "invalid/key",
  );
});

test("tools have what their creator gives", () => {
  const cast = Cast.of("AB");
  const tool = (caps) => cast.tool(cast.A, "t", { image: { caps, entry: { run: "*" } } });
  const spawn = (core) =>
    cast.run(
      cast.A,
      [ops.send(0, "join", "genesis", 0), ops.send(0, "join", "run", 1)],
      [core, cast.program([ops.write("x", "1")])],
    );
  const good = tool({ [`send.${cast.B}.pay`]: cast.text(cast.A) });
  assert.equal(spawn(good), "committed");
  assert.equal(cast.at(good, "x"), "1");
  assert.equal(cast.at(cast.A, `image/caps/read.${good}`), cast.A);
  assert.equal(spawn(tool({ "send.*.*": cast.text(cast.B) })), "rejected/escalation");
  assert.equal(spawn(cast.principal("more")), "rejected/escalation");
  cast.request(cast.A, "image.quota", cast.text("actors 1\nbytes 99999\nfuel 99\nposts 9\nsubs 9\ntimers 9\n"));
  assert.equal(spawn(tool({ spawn: cast.text(cast.A) })), "exhausted/actors");
  assert.equal(cast.outcome(cast.A, "image.destroy", cast.bench.blob("")), "rejected/busy");
  assert.equal(cast.outcome(good, "image.destroy", cast.bench.blob("")), "committed");
  assert.equal(cast.outcome(cast.A, "image.destroy", cast.bench.blob("")), "committed");
  assert.equal(
    refusalOf(() => cast.request(good, "run", cast.program([]))),
    "rejected/gone",
  );
});

test("quotas are judged at the end of an operation", () => {
  const play = Play.begun(framed);
  const a = play.born(play.principal("1", {}, { bytes: 60, posts: 1, timers: 1 }));
  const bytes = Number(play.at(a, "wit").length + play.at(a, "wit_query").length + 1);
  assert.equal(play.run(a, [ops.write("x", "0".repeat(60 - bytes))]), "committed");
  assert.equal(play.run(a, [ops.append("x", "0")]), "exhausted/bytes");
  assert.equal(play.run(a, [ops.append("x", "0"), ops.delete("x")]), "committed");
  const timers = [ops.send(SELF, "join", "image.timer", 0), ops.send(SELF, "join", "image.timer", 1)];
  assert.equal(play.run(a, timers, ["1 t", "2 t"]), "exhausted/timers");
  assert.equal(play.run(a, [timers[0]], ["1 t"]), "committed");
  const post = ops.send(SELF, "post", "run", 0);
  assert.equal(play.run(a, [post, post], [play.program([])]), "exhausted/posts");
  assert.equal(play.run(a, [post], [play.program([])]), "committed");
  assert.equal(play.again().run(a, [post], [play.program([])]), "exhausted/posts");
});

test("events are read within the operation, and may be vetoed", () => {
  const cast = Cast.of("ABC");
  const { A, B, C } = cast;
  const empty = cast.bench.blob("");
  for (const each of [B, C]) {
    cast.request(each, "image.install", cast.node({ code: { "on.e": cast.program([ops.put("seen", CONTENT)]) } }));
    assert.equal(cast.run(each, [ops.send(0, "join", "image.subscribe.e", 1)], [A, empty]), "committed");
  }
  cast.request(A, "image.subscribe.e", empty);
  assert.equal(cast.run(A, [ops.send(SELF, "join", "image.emit.e", 0)], ["20"]), "committed");
  assert.deepEqual([cast.at(B, "seen"), cast.at(C, "seen")], ["20", "20"]);
  assert.equal(cast.runtime.mail().length, 1);
  cast.request(C, "image.install", cast.node({ code: { "on.e": cast.program([ops.failWith("veto")]) } }));
  assert.equal(cast.run(A, [ops.write("x", "1"), ops.send(SELF, "join", "image.emit.e", 0)], ["30"]), "rejected/veto");
  assert.deepEqual([cast.at(A, "x"), cast.at(B, "seen"), cast.runtime.mail().length], [undefined, "20", 1]);
  const shown = cast.image.list({ as: A, after: null, limit: 9 }).actors.find(({ actor }) => actor === A);
  assert.deepEqual(
    shown.subs,
    [...[B, C, cast.agent].sort()].map((each) => ["e", each]),
  );
});

test("a rollback goes forward to an earlier world", async () => {
  const cast = Cast.of("AB");
  const before = cast.image.world({ after: null, limit: 1 }).seq;
  const tool = cast.tool(cast.A, "t");
  cast.run(cast.A, [ops.write("x", "1"), ops.send(0, "join", "genesis", 0)], [tool]);
  cast.run(cast.A, [ops.send(SELF, "join", "image.timer", 0)], ["5 t"]);
  assert.equal(spellOutcome(cast.image.rollback(before)), "committed");
  assert.deepEqual([cast.at(cast.A, "x"), cast.at(cast.A, `image/caps/read.${tool}`)], [undefined, undefined]);
  assert.notEqual(cast.at(cast.A, "image/timers"), undefined);
  assert.notEqual(cast.target(`gone/${tool}`), null);
  assert.equal(spellOutcome(cast.image.rollback(before)), "committed");
  assert.doesNotMatch(cast.record(cast.image.world({ after: null, limit: 1 }).seq), /root/);
  assert.equal(
    refusalOf(() => cast.image.rollback(99)),
    "missing/world",
  );
});

test("two runtimes on one store follow each other", async () => {
  const play = Play.begun(framed);
  const a = play.born(play.principal("0", { code: { tick: play.program([ops.add("n", 1)]) } }));
  const other = play.again();
  for (let i = 0; i < 3; i += 1) {
    const timer = [ops.send(SELF, "join", "image.timer", 0)];
    const post = [ops.add("n", 1), ops.send(SELF, "post", "tick", 0)];
    for (const each of [play, other]) assert.equal(each.run(a, timer, ["0 tick"]), "committed");
    for (const each of [play, other]) assert.equal(each.run(a, post, [""]), "committed");
    assert.equal(other.run(a, timer, ["0 tick"]), "rejected/order");
    await (i % 2 === 0 ? play : other).rest();
  }
  assert.equal(play.at(a, "n"), "18");
});
