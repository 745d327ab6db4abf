import assert from "node:assert/strict";
import test from "node:test";
import { valueOf } from "../src/flow/documents.js";
import { Ref, encodeValue, hashOf } from "../src/flow/values.js";
import { askStep } from "../src/wit/queries.js";
import { cbor, chapter, framed } from "./objects.js";
import { Bench } from "./rounds.js";

const FORMATS = [framed, cbor];
const TEXT = chapter("flow/examples");

/** The beginning of an id of the text: of a row of a table, in both formats. */
function idOf(row, format) {
  const [, ...ids] = TEXT.match(new RegExp(`\\* - ${row}\\n +- ([0-9a-f]{16})\\n +- ([0-9a-f]{16})`));
  return ids[FORMATS.indexOf(format)];
}

const fromJson = (json) => {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json === "number") return BigInt(json);
  if (typeof json !== "object" || json === null) return json;
  if (Object.hasOwn(json, "$ref")) return new Ref(json.$ref);
  return new Map(Object.entries(json).map(([key, member]) => [key, fromJson(member)]));
};

const toJson = (value) => {
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "bigint") return Number(value);
  if (!(value instanceof Map)) return value instanceof Ref ? { $ref: value.name } : value;
  return Object.fromEntries([...value].map(([key, member]) => [key, toJson(member)]));
};

const END = { kind: "end", outcome: "success" };
const program = (name, start, nodes, limits) => ({ flow: 1, name, start, nodes, ...(limits ? { limits } : {}) });

/** A flow of the text, and its one peer, the agent `test`. */
class Play {
  constructor(format, entries = {}) {
    const bench = new Bench(format);
    const edge = bench.tree({ name: bench.blob("test", [["ct", "s"]]) });
    const wit = bench.blob("external:flow/1", [["ct", "s"]]);
    Object.assign(this, { bench, edge, wit, extra: entries, head: null, sent: null });
  }

  static async begin(format, source, policy, { input = {}, refs, ...entries } = {}) {
    const play = new Play(format, entries);
    const { bench, edge, wit } = play;
    const usesPeers = JSON.stringify(policy).includes("edge");
    play.program = play.document(source);
    play.policy = bench.tree({ doc: play.document(policy), ...(usesPeers ? { peers: bench.tree({ edge }) } : {}) });
    play.actor = bench.tree({
      wit,
      wit_query: wit,
      name: bench.blob("1", [["ct", "s"]]),
      program: play.program,
      policy: play.policy,
      input: play.document(input),
      ...(refs ? { refs: bench.tree(Object.fromEntries(refs.map(([name, data]) => [name, play.sealed(data)]))) } : {}),
      ...entries,
    });
    await play.send("genesis", play.actor);
    return play;
  }

  document = (json) => this.bench.blob(encodeValue(fromJson(json), 131_072), [["ct", "cbor"]]);
  sealed = (data) => this.bench.blob(data, [["ct", "sealed"]]);

  queue(mt, content, headers = []) {
    this.sent = this.bench.message(this.sent, [["mt", mt], ...headers], content);
  }

  async read() {
    this.head = await this.bench.run(this.actor, this.head, [[this.edge, this.sent]]);
  }

  async send(mt, content, headers) {
    this.queue(mt, content, headers);
    await this.read();
  }

  /** The packet that is open under a key of `sent` or `timers`. */
  open(tree, key) {
    const id = this.bench.entries(this.bench.step(this.head).core)[tree];
    return key === undefined ? id : this.bench.entries(id)[key];
  }

  packet(json, entries) {
    return this.bench.tree({ doc: this.document(json), ...entries });
  }

  async answer(json, key) {
    const doc = { attempt: 1, outcome: "ok", ...json };
    await this.send("flow.result", this.packet(doc, { request: this.open("sent", key) }));
  }

  async fire(key) {
    await this.send("flow.fired", this.bench.tree({ timer: this.open("timers", key) }));
  }

  query = (name) => askStep(this.bench.workspace, this.head, name, Buffer.alloc(0));
  json = (name) => toJson(valueOf(this.bench.read(this.query(name)), Number.POSITIVE_INFINITY));

  get state() {
    return this.json("state");
  }

  get trace() {
    const { data } = this.bench.read(this.query("trace"));
    return [data.length, hashOf(data).slice(0, 16)];
  }

  get ignored() {
    return this.state.log.filter(({ e }) => e === "ignored").map(({ why }) => why);
  }
}

const short = (id) => id.slice(0, 16);
const both = (title, work) => {
  for (const format of FORMATS) test(`${title} in ${format.name}`, () => work(format));
};

both("the smallest flow", async (format) => {
  const play = await Play.begin(format, program("n", "e", { e: END }), { flow_policy: 1, tools: {} });
  assert.equal(short(play.wit), idOf("the code node", format));
  assert.equal(short(play.query("wut")), idOf("the wut", format));
  assert.equal(play.bench.read(play.query("wut")).data.length, 501);
  assert.equal(short(play.program), idOf("program", format));
  assert.equal(short(play.policy), idOf("policy", format));
  assert.equal(short(play.actor), idOf("flow", format));
  assert.equal(short(play.head), idOf("step 1", format));
  assert.deepEqual(play.trace, [283, "e3ede95edaf01e0a"]);
  assert.equal(play.query("other"), null);
  assert.deepEqual(play.json("accepts"), []);
});
