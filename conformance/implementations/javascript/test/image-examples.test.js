import assert from "node:assert/strict";
import test from "node:test";
import { Play, SELF, ops } from "./image-bench.js";
import { cbor, chapter, framed } from "./objects.js";

const EXAMPLES = chapter("image/examples");
const RECORDS = chapter("image/record");
const ACTORS = chapter("image/actors");

/** The ids of a list of a chapter whose lines begin with some word, by format. */
function idsOf(text, word) {
  const found = [...text.matchAll(new RegExp(`^ +${word} ?[^\n]*?([0-9a-f]{64})$`, "gm"))].map(([, id]) => id);
  const half = found.length / 2;
  return (format) => (format === framed ? found.slice(0, half) : found.slice(half));
}

const WORLDS = idsOf(EXAMPLES, "world [0-9]");
const STEPS = idsOf(EXAMPLES, "step [0-9]");
const GOLDEN = idsOf(RECORDS, "record [0-9]");

for (const format of [framed, cbor]) {
  test(`the golden image, ${format.name}`, async () => {
    const play = new Play(format);
    const { bench, image } = play;
    const { kernel } = image.start();
    const starts = [play.target(`heads/${play.agent}`), play.target(`heads/${kernel}`)];
    for (const id of [kernel, ...starts]) assert(ACTORS.includes(id), id);
    const a = play.principal("1");
    const roots = [];
    const records = [];
    const note = () => {
      const { seq, root } = image.world({ after: null, limit: 1 });
      assert.equal(seq, roots.length);
      roots.push(root);
      const core = bench.entries(play.head(kernel).core);
      if (seq > 0) records.push(core.op);
    };
    const steps = [];
    const does = [
      () => play.request(a, "genesis", a),
      () => play.request(a, "image.grant", play.text("spawn")),
      () => play.request(a, "image.grant", play.text("send.*")),
      () => image.setClock(1000n),
      () => {
        const timer = play.program([ops.add("x", 2), ops.send(SELF, "join", "image.timer", 0)], ["50 tick"]);
        play.request(a, "run", timer);
      },
      () => play.request(a, "image.install", play.node({ code: { tick: play.program([ops.add("x", 40)]) } })),
      () => image.setClock(1050n),
      () => play.rest(),
      () => play.request(a, "image.destroy", bench.blob("")),
    ];
    note();
    for (const each of does) {
      await each();
      note();
      const last = play.target(`heads/${a}`) ?? play.target(`gone/${a}`);
      if (steps.at(-1) !== last) steps.push(last);
    }
    assert.deepEqual(records, GOLDEN(format));
    assert.deepEqual(roots, WORLDS(format));
    const golden = STEPS(format);
    assert.deepEqual(steps, [...golden.slice(0, 3), ...golden.slice(4)]); // operation 5 makes two steps
    assert.equal(bench.step(golden[4]).previous, golden[3]);
    for (let seq = 0; seq < roots.length; seq += 1)
      assert.equal(image.world({ seq, after: null, limit: 1 }).root, roots[seq]);
  });
}
