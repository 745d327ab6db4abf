import assert from "node:assert/strict";
import test from "node:test";
import { Client } from "../src/operations.js";
import { Runtime } from "../src/runtime/runtime.js";
import { adopt, release } from "../src/wasm/handoff.js";
import { signBundle, verifyBundle } from "../src/wasm/signature.js";
import { writeBundle } from "../src/bundle.js";
import { cbor, framed, refusalOf } from "./objects.js";
import { Bench } from "./rounds.js";
import { coreOf, document, guest } from "./wasm-cores.js";
import { witOf } from "./assembler.js";

const PUPPET = guest("puppet");
const CONFIG = {
  agent: "test",
  schedule: "free",
  clock: "system",
  base_ms: 1,
  cap_ms: 1,
  max_attempts: 2,
  transition_ms: 2_000,
};
const UPDATE = [["mt", "update"]];

class Play {
  constructor(config = {}, bench = new Bench(framed)) {
    this.bench = bench;
    this.runtime = new Runtime(bench.store, { ...CONFIG, ...config });
  }

  send(to, content, headers = []) {
    this.bench.workspace.keep();
    return this.runtime.inject({ to, headers, content, mode: "queue" });
  }

  target = (name) => this.bench.store.backend.references.target(name);

  core(actor) {
    return this.bench.entries(this.bench.step(this.target(`heads/${actor}`)).core);
  }
}

const SPIN = witOf("loop - br 0 end unreachable");

test("a receipt carries the code of the failure, and an update that raises fuel lets the mail be read", async () => {
  const play = new Play();
  const { bench } = play;
  const poor = coreOf(bench, PUPPET, { manifest: { fuel: 20_000 } });
  const teller = bench.core("teller");
  play.send(poor, poor);
  play.send(teller, teller);
  await play.runtime.run(1000);
  const program = bench.program(`57 01 78 f000 ${"61".repeat(0xf000)}`);
  play.send(teller, bench.program("53 00 71 00 01", { "00": poor, "01": program }));
  const { parked } = await play.runtime.run(1000);
  assert.deepEqual(parked, [[poor, "exhausted"]]);
  const agent = bench.step(play.target(`heads/${play.runtime.agent}`));
  const receipt = bench.read(agent.outbox.get(teller));
  assert.deepEqual(Object.fromEntries(receipt.headers).code, "fuel");
  play.send(poor, bench.tree({ wasm: bench.tree({ manifest: document(bench, { fuel: 10_000_000 }) }) }), UPDATE);
  assert.deepEqual((await play.runtime.run(1000)).parked, []);
  assert.equal(bench.read(play.core(poor).x).data.length, 0xf000);
  play.runtime.end();
});

test("a guest that does not end meets its time, and others go on meanwhile", async () => {
  const play = new Play({ transition_ms: 300, max_attempts: 1 });
  const { bench } = play;
  const endless = coreOf(bench, SPIN, { manifest: { fuel: 2n ** 63n - 1n } });
  const puppet = bench.core("puppet");
  play.send(endless, endless);
  play.send(puppet, puppet);
  const began = performance.now();
  const { parked } = await play.runtime.run(1000);
  assert.deepEqual(parked, [[endless, "timeout"]]);
  assert.ok(performance.now() - began < 2_000);
  assert.notEqual(play.target(`heads/${puppet}`), null);
  play.runtime.end();
});

test("an actor is handed off and stands still where it was moved from", async () => {
  const play = new Play();
  const { bench } = play;
  const { store } = bench;
  const actor = coreOf(bench, PUPPET);
  play.send(actor, actor);
  assert.equal(
    refusalOf(() => release(store, actor)),
    "missing",
  );
  await play.runtime.run(10);
  play.runtime.end();
  const later = new Play({ schedule: "chosen" }, bench);
  const mail = later.send(actor, bench.program("57 01 78 0001 61"));
  assert.ok(mail);
  assert.equal(
    refusalOf(() => release(store, actor)),
    "rejected/busy",
  );
  await later.runtime.choose(0);
  const head = play.target(`heads/${actor}`);
  assert.equal(
    refusalOf(() => adopt(store, actor)),
    "missing",
  );
  assert.equal(release(store, actor), head);
  assert.deepEqual([play.target(`heads/${actor}`), play.target(`moved/${actor}`)], [null, head]);
  assert.equal(
    refusalOf(() => release(store, actor)),
    "missing",
  );
  later.send(actor, actor, [["mt", "genesis"]]);
  assert.deepEqual(later.runtime.ready(), []);
  assert.equal(adopt(store, actor), head);
  assert.deepEqual([play.target(`moved/${actor}`), play.target(`adopted/${actor}`)], [null, head]);
  assert.equal(later.runtime.ready().length, 1);
  later.runtime.end();
});

test("signatures bind the references of a bundle", () => {
  const bench = new Bench(cbor);
  const bundleOf = (refs) => {
    const ids = [...new Set(refs.map(([, id]) => id))].sort();
    const encodings = new Map(bench.workspace.objects.map(([id, bytes]) => [id, bytes]));
    return Buffer.concat([...writeBundle(cbor, refs, ids, (id) => encodings.get(id))]);
  };
  const [one, two] = [bench.blob("1"), bench.blob("2")];
  const bundle = bundleOf([
    ["a/x", one],
    ["a/y", two],
  ]);
  const signature = signBundle(bundle, Buffer.alloc(32, 7));
  const { key } = JSON.parse(signature);
  const refusal = (...args) => refusalOf(() => verifyBundle(...args));
  assert.equal(refusal(bundle, signature, [key]), "none");
  const wrong = [
    [bundle, signature, []],
    [bundle, signature, ["f".repeat(64)]],
    [bundle, Buffer.from(`${signature} `), [key]],
    [bundleOf([["a/x", one]]), signature, [key]],
    [
      bundleOf([
        ["a/x", two],
        ["a/y", one],
      ]),
      signature,
      [key],
    ],
    [
      bundleOf([
        ["a/x", one],
        ["a/z", two],
      ]),
      signature,
      [key],
    ],
    [bundle, Buffer.from(signature.toString().replaceAll(key, "f".repeat(64))), ["f".repeat(64)]],
  ];
  for (const args of wrong) assert.equal(refusal(...args), "rejected/signature");
  assert.equal(refusal(Buffer.from("gritstone bundle 1\nformat other\n\n"), signature, [key]), "rejected/format");
  assert.equal(refusal(bundle.subarray(0, 40), signature, [key]), "malformed");
});

test("the operations of the profile, which are loaded for the first of them", async () => {
  const client = new Client();
  const module = PUPPET.toString("base64url");
  const admit = (pages) => client.carryOut("wasm.admit", { module, entry: "wit", pages });
  assert.deepEqual(await admit(256), { ok: {} });
  assert.deepEqual(admit(256), { ok: {} });
  assert.equal(
    refusalOf(() => admit(65_536)),
    "exhausted/exhausted:host",
  );
  assert.equal(
    refusalOf(() => admit(0)),
    "rejected/unresolved:limit",
  );
  client.close();
});
