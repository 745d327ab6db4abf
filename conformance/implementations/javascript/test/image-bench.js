// Images on a store in memory, and the bytes of programs.

import { Runtime } from "../src/runtime/runtime.js";
import { Bench } from "./rounds.js";

export const CONFIG = {
  agent: "test",
  schedule: "free",
  clock: "suite",
  base_ms: 0,
  cap_ms: 0,
  max_attempts: 1,
  transition_ms: 0,
};
const TEXT = [["ct", "s"]];
const CODE = "external:image/1";
const LIMITS = { actors: 10, bytes: 1_000_000, fuel: 100_000, posts: 1000, subs: 100, timers: 100 };
const NONE = [];

const sized = (size, data) => {
  const length = Buffer.alloc(size);
  length.writeUIntBE(data.length, 0, size);
  return Buffer.concat([length, data]);
};
const short = (text) => sized(1, Buffer.from(text));
const data = (text) => sized(2, Buffer.from(text));
const byte = (value) => Buffer.from([value]);
const u32 = (value) => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
};
const i64 = (value) => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
};
const MODES = { join: 0x6a, save: 0x76, post: 0x70 };
const op = (letter, ...operands) => Buffer.concat([Buffer.from(letter), ...operands]);

/** The bytes of ops. */
export const ops = {
  put: (path, ref) => op("P", short(path), byte(ref)),
  write: (path, text) => op("W", short(path), data(text)),
  append: (path, text) => op("A", short(path), data(text)),
  delete: (path) => op("D", short(path)),
  fail: () => op("F"),
  failWith: (text) => op("f", short(text)),
  add: (path, amount) => op("a", short(path), i64(amount)),
  count: (path, sign) => op("c", short(path), Buffer.from(sign)),
  expect: (path, text) => op("x", short(path), data(text)),
  read: (ref, from, to) => op("r", byte(ref), short(from), short(to)),
  send: (ref, mode, type, content) => op("s", byte(ref), byte(MODES[mode]), short(type), byte(content)),
  reply: (ref) => op("y", byte(ref)),
  spin: (n) => op("n", u32(n)),
};

export const SELF = 0xf0;
export const SENDER = 0xf1;
export const CONTENT = 0xf2;

export const spellQuota = (limits) =>
  Object.entries({ ...LIMITS, ...limits })
    .map(([name, limit]) => `${name} ${limit}\n`)
    .join("");

/** An image with a runtime. */
export class Play {
  constructor(format, bench = new Bench(format), config = CONFIG) {
    this.bench = bench;
    this.runtime = new Runtime(bench.store, config);
    this.image = this.runtime.image;
    this.agent = this.runtime.agent;
  }

  static begun(format) {
    const play = new Play(format);
    play.image.start();
    return play;
  }

  /** Another runtime on the store. */
  again() {
    return new Play(null, this.bench);
  }

  text = (value) => this.bench.blob(value, TEXT);

  /** Trees of trees and texts; ids stand for themselves. */
  node(value) {
    if (typeof value === "string") return /^[0-9a-f]{64}$/.test(value) ? value : this.text(value);
    return this.bench.tree(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, this.node(each)])));
  }

  /** A program tree of ops; operands by number are nodes. */
  program(list, operands = NONE) {
    const named = operands.map((each, i) => [i.toString(16).padStart(2, "0"), this.node(each)]);
    return this.bench.tree({ program: this.bench.blob(Buffer.concat(list)), ...Object.fromEntries(named) });
  }

  principal(name, more = {}, limits = {}) {
    const { image = {}, ...entries } = more;
    return this.node({
      wit: CODE,
      wit_query: CODE,
      n: name,
      image: { owner: "self", quota: spellQuota(limits), ...image },
      ...entries,
    });
  }

  tool(owner, name, more = {}) {
    const { image = {}, ...entries } = more;
    const own = { owner: this.text(owner), ...image };
    return this.node({ wit: CODE, wit_query: CODE, n: name, image: own, ...entries });
  }

  /** Names of entries that are ids as texts. */
  idText = (id) => this.text(id);

  request(to, mt, content, more = {}) {
    return this.requests([[to, mt, content]], more);
  }

  requests(list, { key, headers = [] } = {}) {
    this.bench.workspace.keep();
    const messages = list.map(([to, mt, content]) => ({ to, headers: [["mt", mt], ...headers], content }));
    return this.image.request({ messages, ...(key === undefined ? {} : { key }) });
  }

  /** As request(): the failure as class/code, or "committed". */
  outcome(...args) {
    return spellOutcome(this.request(...args));
  }

  born(core) {
    const spelled = spellOutcome(this.request(core, "genesis", core));
    if (spelled !== "committed") throw new Error(spelled);
    return core;
  }

  run(to, list, operands) {
    return this.outcome(to, "run", this.program(list, operands));
  }

  rest = () => this.runtime.run(100_000);

  target(name) {
    return this.bench.store.backend.references.target(name);
  }

  head(actor) {
    return this.bench.step(this.target(`heads/${actor}`));
  }

  /** The text of what is at a path of the core of an actor, or undefined. */
  at(actor, path) {
    let id = this.head(actor).core;
    for (const name of path.split("/")) {
      const object = this.bench.read(id);
      id = new Map(object?.kind === "tree" ? object.entries : []).get(name);
      if (id === undefined) return undefined;
    }
    const object = this.bench.read(id);
    return object.kind === "blob" ? object.data.toString() : id;
  }

  record(seq) {
    const [bytes] = this.image.log({ from: seq, limit: 1 }).records;
    return Buffer.from(bytes, "base64url").toString();
  }
}

export const spellOutcome = ({ outcome }) =>
  outcome.failed === undefined ? "committed" : `${outcome.failed.class}/${outcome.failed.code}`;
