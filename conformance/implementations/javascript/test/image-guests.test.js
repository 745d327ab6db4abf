import assert from "node:assert/strict";
import test from "node:test";
import { Play, ops, spellQuota } from "./image-bench.js";
import { framed, refusalOf } from "./objects.js";
import { coreOf, document, guest } from "./wasm-cores.js";

const PUPPET = guest("puppet");
const TEXT = [["ct", "s"]];
const write = (path, text) => ops.write(path, text);
/** The op of the puppet that sends, with a queued message. */
const send = (to, mt, content) =>
  Buffer.concat([Buffer.from([0x53, to, 0x71, mt.length]), Buffer.from(mt), Buffer.from([content])]);

/** An image with a principal P and a guest T of it, which runs programs of the puppet. */
class Scene extends Play {
  static of(manifest = {}, image = {}) {
    const scene = new Scene(framed);
    scene.image.start();
    scene.p = scene.born(scene.principal("p", { image: { entry: { pay: "*" } } }, { fuel: 10_000_000 }));
    scene.t = scene.born(scene.guestOf(manifest, image));
    for (const capability of ["send.*.*", "send.*.image.*"])
      scene.request(scene.p, "image.grant", scene.text(capability));
    return scene;
  }

  guestOf(manifest, image = {}) {
    const own = this.node({ owner: this.text(this.p), entry: { run: "*" }, ...image });
    return coreOf(this.bench, PUPPET, { manifest, more: { image: own } });
  }

  do(list, operands) {
    return this.outcome(this.t, "run", this.program(list, operands));
  }
}

test("a guest answers messages within operations", () => {
  const scene = Scene.of();
  assert.equal(scene.do([write("x", "1")]), "committed");
  assert.equal(scene.at(scene.t, "x"), "1");
  const join = [ops.write("y", "1"), ops.send(0, "join", "run", 1)];
  assert.equal(scene.run(scene.p, join, [scene.t, scene.program([write("x", "2")])]), "committed");
  assert.equal(scene.at(scene.t, "x"), "2");
  assert.equal(
    scene.run(scene.p, join, [scene.t, scene.program([write("x", "3"), ops.fail()])]),
    "rejected/failed:guest:1",
  );
  assert.deepEqual([scene.at(scene.t, "x"), scene.at(scene.p, "y")], ["2", "1"]);
  assert.equal(scene.do([write("code/x", "1")]), "rejected/location");
  assert.equal(scene.do([write("code/main.wasm", "1")]), "rejected/failed:denied:code");
});

test("both laws hold for what a guest sends", () => {
  const denied = Scene.of();
  assert.equal(denied.do([send(0, "pay", 0xf0)], [denied.p]), "rejected/failed:denied:send");
  const free = Scene.of({ send: "any" });
  assert.equal(free.do([send(0, "pay", 0xf2)], [free.p]), "rejected/capability");
  assert.equal(free.outcome(free.t, "image.grant", free.text(`send.${free.p}.pay`)), "committed");
  assert.equal(free.do([send(0, "pay", 0xf2)], [free.p]), "committed");
  assert.equal(free.do([send(0, "image.quota", 0xf2)], [free.p]), "malformed/mode");
  assert.equal(free.do([send(0, "failed", 0xf2)], [free.p]), "malformed/mt");
});

test("a guest runs within its manifest and within what is left of the fuel", () => {
  const small = Scene.of({ fuel: 10 });
  assert.equal(small.do([write("x", "1")]), "exhausted/exhausted:fuel");
  assert.match(small.record(5), /\nfuel 11\n/);
  const poor = Scene.of();
  poor.request(poor.p, "image.quota", poor.text(spellQuota({ fuel: 10 })));
  assert.equal(poor.do([write("x", "1")]), "exhausted/fuel");
  assert.match(poor.record(6), /\nfuel 10\n/);
});

test("the memory of a guest is that of its core", () => {
  const scene = Scene.of({ image: true, random: Buffer.alloc(32, 1) });
  assert.equal(scene.do([write("x", "1")]), "committed");
  const before = scene.at(scene.t, "wasm");
  assert.equal(scene.do([write("x", "2"), ops.fail()]), "rejected/failed:guest:1");
  assert.equal(scene.at(scene.t, "wasm"), before);
  assert.equal(scene.again().at(scene.t, "wasm"), before);
});

test("only valid guests are made", () => {
  const scene = Scene.of();
  const born = (core) => refusalOf(() => scene.request(core, "genesis", core));
  const manifest = document(scene.bench, { fuel: "no" });
  const own = scene.node({ owner: scene.text(scene.p) });
  const with_ = (entries) => {
    const all = { ...scene.bench.entries(scene.guestOf({})), ...entries };
    return scene.bench.tree(all);
  };
  assert.equal(born(with_({ wasm: scene.bench.tree({ manifest }) })), "malformed/program");
  assert.equal(born(with_({ wit_query: scene.text("external:image/1") })), "rejected/import");
  assert.equal(born(with_({ wit: scene.bench.blob("wasm:x/main.wasm", TEXT) })), "malformed/program");
  assert.equal(born(with_({ image: own })), "none");
});
