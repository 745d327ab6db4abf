import assert from "node:assert/strict";
import test from "node:test";
import { cbor, chapter, framed } from "./objects.js";
import { Bench, agentOf, hex } from "./rounds.js";

const GENESIS = [["mt", "genesis"]];
const MODULE = [["ct", "application/wasm"]];
const CBOR = [["ct", "cbor"]];
const MANIFEST = "a4 61 76 01  64 6675656c 1a000f4240  65 696d616765 f5  65 7061676573 04";
const STATE_OF_S3 = "a4 61 76 01  64 75736564 192cc7  65 7061676573 02  67 676c6f62616c73 80";

const text = chapter("wasm/examples");

/** The bytes of the counter, as the chapter spells them. */
function counter() {
  const [, spelled] = /code-block:: text\n\n((?: {3}[0-9a-f]+\n)+)/.exec(text);
  return hex(spelled);
}

/** The ids of the chapter for a format: "A, s1" -> {id, units, used}. */
function figures(format) {
  const [, lines] = new RegExp(`\\n {3}${format.name} *(?:units +used)?\\n((?: {3}\\S.*\\n)+)`).exec(text);
  const rows = lines
    .trimEnd()
    .split("\n")
    .map((line) => /^ {3}(.{9})([0-9a-f]{64})(.*)$/.exec(line));
  return new Map(rows.map(([, name, id, rest]) => [name.trim(), { id, rest: rest.trim().split(/ +/) }]));
}

function coreOf(bench, wasm = {}) {
  const code = bench.tree({ "main.wasm": bench.blob(counter(), MODULE) });
  return bench.tree({ code, wit: bench.blob("wasm:code/main.wasm"), ...wasm });
}

/** The steps of a core: s1 covers the genesis message, each further one message. */
async function stepsOf(bench, core, count) {
  const agent = agentOf(bench, "demo").id;
  const steps = [];
  let message = null;
  for (let i = 0; i < count; i += 1) {
    message = i === 0 ? bench.message(null, GENESIS, core) : bench.message(message, [], bench.blob(""));
    steps.push(await bench.run(core, steps.at(-1) ?? null, [[agent, message]]));
  }
  return steps;
}

const numberAt = (bench, step) => bench.read(bench.entries(bench.step(step).core).count).data.readUInt32LE();

for (const format of [framed, cbor]) {
  test(`the counter of the chapter in ${format.name}`, async () => {
    const expected = figures(format);
    const bench = new Bench(format);
    const a = coreOf(bench);
    const b = coreOf(bench, { wasm: bench.tree({ manifest: bench.blob(hex(MANIFEST), CBOR) }) });
    const ofA = await stepsOf(bench, a, 2);
    const ofB = await stepsOf(bench, b, 3);
    const found = new Map([
      ["A", a],
      ["B", b],
    ]);
    ofA.forEach((id, i) => {
      found.set(`A, s${i + 1}`, id);
    });
    ofB.forEach((id, i) => {
      found.set(`B, s${i + 1}`, id);
    });
    const named = [...expected].filter(([name]) => found.has(name));
    assert.ok(named.length >= 3);
    for (const [name, { id }] of named) assert.equal(found.get(name), id, name);
    assert.deepEqual(
      [...ofA, ...ofB].map((id) => numberAt(bench, id)),
      [1, 1, 1, 2, 3],
    );
    const wasm = bench.entries(bench.entries(bench.step(ofB[2]).core).wasm);
    assert.deepEqual(bench.read(wasm.state).data, hex(STATE_OF_S3));
  });
}
