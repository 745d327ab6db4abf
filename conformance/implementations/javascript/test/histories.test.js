import assert from "node:assert/strict";
import test from "node:test";
import { writeBundle } from "../src/bundle.js";
import { encodeObject } from "../src/formats.js";
import { Runtime } from "../src/runtime/runtime.js";
import { transcode } from "../src/transcode.js";
import { cbor, chapter, framed } from "./objects.js";
import { Bench } from "./rounds.js";

const CONFIG = { agent: "test", base_ms: 0, cap_ms: 0, max_attempts: 3, transition_ms: 0, clock: "suite" };
const GENESIS = [["mt", "genesis"]];

/** The bundle of all references. */
function bundleOf({ store }) {
  const refs = store.backend.references.all();
  const ids = store.closure(refs.map(([, target]) => target)).sort();
  return Buffer.concat([
    ...writeBundle(store.format, refs, ids, (id) => encodeObject(store.format, store.read(id)).bytes),
  ]);
}

class Play {
  constructor(format, config) {
    this.bench = new Bench(format);
    this.runtime = new Runtime(this.bench.store, { ...CONFIG, schedule: "chosen", ...config });
  }

  send(to, headers, content) {
    this.bench.workspace.keep();
    return this.runtime.inject({ to, headers, content, mode: "queue" });
  }

  /** The lowest actor: a control message if there is one, else all of its ordinary mail. */
  async toRest() {
    for (let choices = this.runtime.ready(); choices.length > 0; choices = this.runtime.ready()) {
      const own = choices.filter(({ actor }) => actor === choices[0].actor);
      const isControl = ({ actor, inbox }) => {
        const { content } = this.bench.read(inbox[0][1]);
        return content === actor;
      };
      const wanted = own.find(isControl) ?? own.toSorted((x, y) => this.#weight(y) - this.#weight(x))[0];
      await this.runtime.choose(choices.indexOf(wanted));
    }
  }

  #weight({ inbox }) {
    return inbox.length;
  }
}

async function playS1(format) {
  const play = new Play(format);
  const { bench } = play;
  const [a, b] = [bench.core("a"), bench.core("b")];
  play.send(a, GENESIS, a);
  play.send(b, GENESIS, b);
  await play.toRest();
  play.send(a, [], bench.program("41036c6f67000268695300710001", { "00": b, "01": bench.program("57016b000176") }));
  await play.toRest();
  return play;
}

async function playBouncing(format, code, config) {
  const play = new Play(format, config);
  const { bench } = play;
  const [a, b] = [bench.core("a"), bench.core("b")];
  play.send(a, GENESIS, a);
  play.send(b, GENESIS, b);
  play.send(a, [], bench.program("5300710001", { "00": b, "01": bench.program(code) }));
  await play.toRest();
  return play;
}

const GOLDEN = [
  ...chapter("runtime/history").matchAll(/^ {3}(S\d| {2}) {2}(framed|cbor) +([\d,]+) bytes +digest ([0-9a-f]{64})$/gm),
];

test("golden histories", async () => {
  const [S1, S3, S4] = [[], [], []];
  for (const format of [framed, cbor]) {
    S1.push(bundleOf((await playS1(format)).bench));
    S3.push(bundleOf((await playBouncing(format, "4200000003")).bench));
    S4.push(bundleOf((await playBouncing(format, "46", { max_attempts: 1 })).bench));
  }
  const bundles = [...S1, ...S3, ...S4];
  assert.equal(GOLDEN.length, 6);
  for (const [i, [, , , size, digest]] of GOLDEN.entries()) {
    assert.equal(bundles[i].length, Number(size.replace(",", "")));
    assert.equal(bundles[i].subarray(-32).toString("hex"), digest);
  }
  assert.deepEqual(transcode(framed, cbor, S1[0]), S1[1]);
});

test("a free schedule comes to rest with what was sent done", async () => {
  for (const format of [framed, cbor]) {
    const play = new Play(format, { schedule: "free", clock: "system" });
    const { bench, runtime } = play;
    const [a, b] = [bench.core("a"), bench.core("b")];
    play.send(a, GENESIS, a);
    play.send(b, GENESIS, b);
    play.send(a, [], bench.program("41036c6f67000268695300710001", { "00": b, "01": bench.program("57016b000176") }));
    const { cause, steps, parked } = await runtime.run(100);
    assert.deepEqual([cause, steps > 3, parked], ["rest", true, []]);
    assert.equal(bench.text(runtime.query(b, "get", Buffer.from("k")).result), "v");
    runtime.end();
  }
});
