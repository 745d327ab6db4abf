// Cores of Wasm actors for tests: documents, and the committed guests.

import fs from "node:fs";
import { ARRAY, BYTES, TEXT, UINT, head, string, writeMap } from "../src/cbor.js";
import { agentOf, hex } from "./rounds.js";

const CBOR = [["ct", "cbor"]];
const MODULE = [["ct", "application/wasm"]];
const TRUE = Buffer.from([0xf5]);

/** A value as deterministic CBOR: numbers, texts, bytes, true, lists, and objects as maps. */
export function encode(value) {
  if (value === true) return TRUE;
  if (typeof value === "number" || typeof value === "bigint") return head(UINT, value);
  if (typeof value === "string") return string(TEXT, Buffer.from(value));
  if (Buffer.isBuffer(value)) return string(BYTES, value);
  if (Array.isArray(value)) return Buffer.concat([head(ARRAY, value.length), ...value.map(encode)]);
  return Buffer.concat(writeMap(Object.entries(value).map(([key, member]) => [encode(key), encode(member)])));
}

/** The bytes of a committed guest. */
export const guest = (name) =>
  fs.readFileSync(new URL(`../../../../vectors/wasm/guests/${name}.wasm`, import.meta.url));

/** A document as a blob. */
export const document = (bench, value) => bench.blob(encode({ v: 1, ...value }), CBOR);

/** A core with a module under all its nodes: `manifest` null for none, `wasm` and `more` for further entries. */
export function coreOf(bench, module, { manifest = {}, wasm = {}, more = {} } = {}) {
  const ofHost = { ...(manifest === null ? {} : { manifest: document(bench, manifest) }), ...wasm };
  const node = bench.blob("wasm:code/main.wasm");
  return bench.tree({
    code: bench.tree({ "main.wasm": bench.blob(module, MODULE) }),
    wit: node,
    wit_query: node,
    ...(Object.keys(ofHost).length === 0 ? {} : { wasm: bench.tree(ofHost) }),
    ...more,
  });
}

/** One Wasm actor and the mail that the agent sends it. */
export class Actor {
  head = null;
  #last = null;

  constructor(bench, core) {
    this.bench = bench;
    this.id = core;
    this.agent = agentOf(bench, "demo").id;
  }

  /** Queue a message and run what it covers: the step, as {core, wasm} with their entries. Throws what the run throws. */
  async take(content, headers = [], sender = this.agent) {
    const { bench } = this;
    const isFirst = this.head === null;
    const message = bench.message(sender === this.agent ? this.#last : null, headers, isFirst ? this.id : content);
    this.head = await bench.run(this.id, this.head, [[sender, message]]);
    if (sender === this.agent) this.#last = message;
    const step = bench.step(this.head);
    const core = bench.entries(step.core);
    return { step, core, wasm: core.wasm === undefined ? {} : bench.entries(core.wasm) };
  }

  /** Run a program of the puppet. */
  run(code, operands = {}, headers = []) {
    return this.take(this.bench.program(code, operands), headers);
  }

  /** The code of the refusal of what `work` does, or "none". */
  async refusal(work) {
    const { head } = this;
    const last = this.#last;
    try {
      await work();
      return "none";
    } catch (error) {
      if (error.refusalClass === undefined) throw error;
      Object.assign(this, { head });
      this.#last = last;
      return error.code ?? error.refusalClass;
    }
  }
}

export { hex };
