import assert from "node:assert/strict";
import test from "node:test";
import { lastOf, summarize } from "../src/session/messages.js";
import { askStep } from "../src/wit/queries.js";
import { blob, cbor, chapter, framed, refusalOf } from "./objects.js";
import { Bench } from "./rounds.js";

const FORMATS = [
  [framed, "framed"],
  [cbor, "cbor"],
];
const TEXT = chapter("session/examples");
const JSON_BLOB = [["ct", "j"]];
const CODE = "external:session/1";
const TOOLS =
  '[{"description":"Add two numbers","name":"add","params":[{"name":"a","required":true,"type":"number"},' +
  '{"name":"b","required":false,"type":"number"}]},{"description":"Look a word up","name":"lookup","params":' +
  '[{"name":"word","required":true,"type":"string"},{"name":"lang","required":false,"type":"string"}]}]';
const BRIEF = '{"system_prompt":"Be brief."}';
const HELLO = '{"kind":"user","prompt":"hello"}';
const SUM = '{"kind":"user","prompt":"sum?"}';
const CALL_ADD = '{"action":"call_tool","input":{"a":1,"b":2},"tool":"add"}';

/** The ids of the example whose text begins with some words, by object, in both formats. */
function idsOf(words, size) {
  const start = TEXT.indexOf(words);
  const rest = TEXT.slice(start, TEXT.indexOf("\n*", start) < 0 ? undefined : TEXT.indexOf("\n*", start));
  const ids = rest.match(/\b[0-9a-f]{16,64}\b/g);
  assert.equal(ids.length, 2 * size);
  return (format) => ids.filter((_, i) => i % 2 === FORMATS.findIndex(([each]) => each === format));
}

/** A session of the text, and its host. */
class Scene {
  static async begin(format, entries = {}, headers = [["at", "1000"]]) {
    const scene = new Scene();
    const bench = new Bench(format);
    const host = bench.tree({ name: bench.blob("test", [["ct", "s"]]) });
    const nonce = bench.blob(Buffer.from(Array.from({ length: 32 }, (_, i) => i)), [["ct", "b"]]);
    const blobs = Object.entries(entries).map(([name, text]) => [name, bench.blob(text, JSON_BLOB)]);
    const session = bench.tree({ host, nonce, ...Object.fromEntries(blobs) });
    const wit = bench.blob(CODE, [["ct", "s"]]);
    Object.assign(scene, { bench, host, actor: bench.tree({ session, wit, wit_query: wit }), head: null, sent: null });
    await scene.send("genesis", scene.actor, headers);
    return scene;
  }

  /** Send a message of the host without reading it. */
  queue(mt, content, headers = [["at", "1"]]) {
    const sorted = [["mt", mt], ...headers].toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.sent = this.bench.message(this.sent, sorted, content);
    return this.sent;
  }

  async read() {
    this.head = await this.bench.run(this.actor, this.head, [[this.host, this.sent]]);
  }

  async send(mt, content, headers) {
    this.queue(mt, content, headers);
    await this.read();
  }

  query(name, args = "") {
    return askStep(this.bench.workspace, this.head, name, Buffer.from(args));
  }

  commitContent(request, response, ct) {
    const { bench } = this;
    return bench.tree({ request: bench.blob(request, JSON_BLOB), response: bench.blob(response, [["ct", ct]]) });
  }

  async commit(request, response, { ct = "s", at = "1500", turn = this.query("prepare", request) } = {}) {
    await this.send("commit", this.commitContent(request, response, ct), [
      ["at", at],
      ["turn", turn],
    ]);
    return turn;
  }

  async result(call, data, ct = "s", ok = "1") {
    await this.send("tool-result", this.bench.blob(data, [["ct", ct]]), [
      ["at", "2100"],
      ["call", call],
      ["ok", ok],
    ]);
  }

  async answer(data, mt = "effect.ok") {
    await this.send(mt, this.bench.blob(data), [["reply", this.newest]]);
  }

  get newest() {
    return this.bench.step(this.head).outbox.get(this.host);
  }

  /** The newest message of the session: its type, and the JSON of its content. */
  get reply() {
    const { headers, content } = this.bench.read(this.newest);
    return [new Map(headers).get("mt"), this.bench.text(content)];
  }

  get root() {
    return JSON.parse(this.bench.text(this.query("state"))).root;
  }
}

const short = (id) => id.slice(0, 16);
const REFUSED = (refusalClass, code) => ["refused", `{"class":"${refusalClass}","code":"${code}"}`];

test("one turn gives the ids of the text", async () => {
  const wantedOf = [...TEXT.matchAll(/^ {5}- (framed|cbor)\n {5}- ([0-9a-f]{64})$/gm)];
  const later = TEXT.slice(TEXT.indexOf("state root after step 2"), TEXT.indexOf("*A round of tools.*"));
  for (const [format, name] of FORMATS) {
    const wanted = wantedOf.filter(([, each]) => each === name).map(([, , id]) => id);
    const scene = await Scene.begin(format);
    const ids = [scene.actor, scene.root, scene.head];
    const turn = await scene.commit(HELLO, "hi there");
    ids.push(turn, scene.head);
    assert.deepEqual(ids, wanted);
    const root = scene.root;
    await scene.commit(HELLO, "hi there", { at: "1600", turn });
    const found = later.match(/\b[0-9a-f]{16}\b/g).filter((_, i) => i % 2 === (name === "framed" ? 0 : 1));
    assert.deepEqual([root, scene.head].map(short), found);
    assert.equal(scene.root, root);
  }
});

test("a round of tools gives the ids of the text, in either order of the results", async () => {
  const wanted = idsOf("*A round of tools.*", 4);
  const row =
    '{"action":"call_tools","calls":[{"tool":"add","input":{"a":1,"b":2.50}},{"tool":"lookup","input":{"word":"\\u00e9"}}]}';
  for (const [format] of FORMATS) {
    for (const isReversed of [false, true]) {
      const scene = await Scene.begin(format, { config: BRIEF, tools: TOOLS });
      const ids = [await scene.commit(SUM, row, { ct: "j", at: "2000" }), scene.root];
      const results = [
        ["1.0", "3.5", "j", "1"],
        ["1.1", "no such word", "s", "0"],
      ];
      for (const each of isReversed ? results.reverse() : results) await scene.result(...each);
      ids.push(scene.root, scene.query("prepare", '{"kind":"continue"}'));
      assert.deepEqual(ids.map(short), wanted(format));
    }
  }
});

test("condensing gives the ids of the text", async () => {
  const wanted = idsOf("*Condensing.*", 1);
  for (const [format] of FORMATS) {
    const scene = await Scene.begin(format, { config: '{"keep":2,"max_messages":4,"summary_chars":40}' });
    for (let i = 0; i < 4; i += 1) await scene.commit(`{"kind":"user","prompt":"q${i}é\\n"}`, `a${i}`);
    assert.deepEqual([short(scene.root)], wanted(format));
  }
});

test("an ask gives the ids of the text", async () => {
  const wanted = idsOf("*An ask.*", 2);
  const add = `[${TOOLS.slice(1, TOOLS.indexOf(',{"description":"Look'))}]`;
  for (const [format] of FORMATS) {
    const scene = await Scene.begin(format, { config: BRIEF, tools: add });
    await scene.send("ask", scene.bench.blob(SUM, JSON_BLOB), [
      ["at", "1000"],
      ["corr", "c1"],
    ]);
    const ids = [scene.root];
    for (const data of [CALL_ADD, "3", "not json", '{"action":"final","response":"3"}']) await scene.answer(data);
    assert.deepEqual([...ids, scene.root].map(short), wanted(format));
    assert.deepEqual(scene.reply, ["answered", '{"action":"final","content":"3","count":5}']);
    const { head, root } = scene;
    await scene.answer("late");
    assert.equal(scene.bench.step(scene.head).core, scene.bench.step(head).core);
    assert.equal(scene.root, root);
  }
});

test("a batch gives the core and the messages of single steps", async () => {
  for (const [format] of FORMATS) {
    const one = await Scene.begin(format, { tools: TOOLS });
    const batch = await Scene.begin(format, { tools: TOOLS });
    await one.commit(SUM, CALL_ADD, { ct: "j" });
    await batch.commit(SUM, CALL_ADD, { ct: "j" });
    const { bench } = one;
    const content = bench.blob("3", [["ct", "s"]]);
    const result = [
      ["at", "1"],
      ["call", "1.0"],
      ["ok", "1"],
    ];
    for (const mt of ["tool-result", "tool-result", "abandon", "abandon"]) {
      await one.send(mt, content, result);
      batch.queue(mt, batch.bench.blob("3", [["ct", "s"]]), result);
    }
    await batch.read();
    const ends = [one, batch].map((scene) => scene.bench.step(scene.head));
    assert.equal(ends[0].core, ends[1].core);
    assert.deepEqual(ends[0].outbox, ends[1].outbox);
  }
});

test("refusals do not change the core", async () => {
  const scene = await Scene.begin(framed, { tools: TOOLS });
  const { core } = scene.bench.step(scene.head);
  const any = scene.bench.blob("x");
  const requests = [
    ["ask", [], REFUSED("malformed", "header")],
    ["ask", [["at", "01"]], REFUSED("malformed", "header")],
    ["other", [["at", "1"]], REFUSED("malformed", "header")],
    ["ask", [["at", "1"]], REFUSED("malformed", "request")],
    ["configure", [["at", "1"]], REFUSED("malformed", "request")],
    ["abandon", [["at", "1"]], REFUSED("rejected", "phase")],
  ];
  for (const [mt, headers, wanted] of requests) {
    await scene.send(mt, any, headers);
    assert.deepEqual(scene.reply, wanted, mt);
  }
  await scene.commit(HELLO, '{"action":"call_tool","input":{"a":"1"},"tool":"add"}', { ct: "j" });
  assert.deepEqual(scene.reply, REFUSED("invalid", "argument"));
  await scene.commit(HELLO, "hi", { turn: "0".repeat(64) });
  assert.deepEqual(scene.reply, REFUSED("rejected", "stale"));
  assert.equal(scene.bench.step(scene.head).core, core);
});

test("a turn that would be too long is not built", async () => {
  const scene = await Scene.begin(framed, { config: '{"keep":999,"max_messages":1000}' });
  const text = "\x01".repeat(1_300_000);
  await scene.commit(HELLO, text);
  for (let i = 0; i < 2; i += 1) await scene.commit(HELLO, "hi");
  assert.deepEqual(scene.reply[0], "committed");
  await scene.commit('{"kind":"user","prompt":"more"}', "y".repeat(1_000_000));
  const refused = scene.bench.text(scene.query("prepare", HELLO));
  assert.equal(refused, '{"refused":{"class":"exhausted","code":"size"}}');
});

test("a first core of another form fails", async () => {
  assert.equal(await failureOf(Scene.begin(framed, { tools: "{}" })), "rejected/failed");
  assert.equal(await failureOf(Scene.begin(framed, { state: "{}" })), "rejected/failed");
});

async function failureOf(work) {
  try {
    await work;
  } catch (error) {
    return refusalOf(() => {
      throw error;
    });
  }
  return "none";
}

test("the last code points of a text", () => {
  assert.equal(lastOf("a😀b", 2), "😀b");
  assert.equal(lastOf("a😀b", 0), "");
  assert.equal(lastOf("a😀b", 9), "a😀b");
});

test("the beginning of a message has 80 code points", () => {
  const headers = [
    ["ct", "s"],
    ["role", "user"],
  ];
  for (const text of ["😀".repeat(81), `x${"😀".repeat(80)}`, `é\n${"y".repeat(90)}`]) {
    const wanted = [...text.replace("\n", " ")].slice(0, 80).join("");
    assert.equal(summarize(blob(text, headers)), `user: ${wanted}\n`);
  }
});
