import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { ops, spellQuota } from "./image-bench.js";
import { framed } from "./objects.js";
import { Bench } from "./rounds.js";

const ADAPTER = fileURLToPath(new URL("../adapter.js", import.meta.url));
const RUNTIME = { agent: "test", schedule: "free", clock: "system", base_ms: 0, cap_ms: 0, max_attempts: 1 };
const BUDGET = 30;

/** An adapter in a process of its own, with a runtime on a store in a folder. */
class Peer {
  #waiting = [];
  #seq = 0;

  static async on(dir) {
    const peer = new Peer();
    peer.process = spawn(process.execPath, [ADAPTER], { stdio: ["pipe", "pipe", "inherit"] });
    readline
      .createInterface({ input: peer.process.stdout })
      .on("line", (line) => peer.#waiting.shift()(JSON.parse(line)));
    await peer.ask("grit.open", { store: "s", format: framed.name, backend: "durable", create: true, dir });
    await peer.ask("runtime.start", { runtime: "r", store: "s", transition_ms: 0, ...RUNTIME });
    return peer;
  }

  ask(op, args) {
    this.#seq += 1;
    this.process.stdin.write(`${JSON.stringify({ seq: this.#seq, op, args })}\n`);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  request(to, mt, content, key) {
    const messages = [{ to, headers: [["mt", mt]], content }];
    return this.ask("image.request", { runtime: "r", messages, ...(key === undefined ? {} : { key }) });
  }

  world = () => this.ask("image.world", { runtime: "r", after: null, limit: 9 });

  kill() {
    this.process.kill("SIGKILL");
    return new Promise((resolve) => {
      this.process.on("exit", resolve);
    });
  }
}

/** The objects of an actor that spends from a budget: {actor, buy, objects: [bytes, ...]}. */
function makeActor() {
  const bench = new Bench(framed);
  const text = (value) => bench.blob(value, [["ct", "s"]]);
  const code = text("external:image/1");
  const program = bench.tree({ program: bench.blob(Buffer.concat([ops.count("n", "-"), ops.add("sold", 1)])) });
  const image = bench.tree({ owner: text("self"), quota: text(spellQuota({})) });
  const actor = bench.tree({
    wit: code,
    wit_query: code,
    image,
    n: text(String(BUDGET)),
    code: bench.tree({ buy: program }),
  });
  const buy = text("2");
  return { actor, buy, objects: bench.workspace.objects.map(([, bytes]) => bytes.toString("base64url")) };
}

async function begin(dir) {
  const peer = await Peer.on(dir);
  const made = makeActor();
  for (const bytes of made.objects) await peer.ask("grit.put", { store: "s", bytes });
  await peer.ask("image.start", { runtime: "r" });
  assert.deepEqual((await peer.request(made.actor, "genesis", made.actor)).ok.outcome, { committed: {} });
  return { peer, ...made };
}

const folder = (context) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "image-"));
  context.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
};

test("two processes spend from one budget, one operation after another", async (context) => {
  const dir = folder(context);
  const { peer, actor, buy } = await begin(dir);
  const other = await Peer.on(dir);
  const all = [peer, other].map((each) =>
    Promise.all(Array.from({ length: BUDGET }, () => each.request(actor, "buy", buy))),
  );
  const replies = (await Promise.all(all)).flat().map(({ ok }) => ok);
  assert.equal(replies.filter(({ outcome }) => outcome.committed).length, BUDGET / 2);
  assert.deepEqual(
    replies.map(({ seq }) => seq).sort((a, b) => a - b),
    Array.from({ length: 2 * BUDGET }, (_, i) => i + 2),
  );
  assert.deepEqual((await peer.world()).ok, (await other.world()).ok);
  await Promise.all([peer.kill(), other.kill()]);
});

test("what was answered before a kill is there, and keys answer it again", async (context) => {
  const dir = folder(context);
  const { peer, actor, buy } = await begin(dir);
  const replies = [];
  for (let i = 0; i < 5; i += 1) replies.push((await peer.request(actor, "buy", buy, `k${i}`)).ok);
  for (let i = 5; i < 9; i += 1) peer.request(actor, "buy", buy, `k${i}`); // perhaps
  await peer.kill();
  const next = await Peer.on(dir);
  for (const [i, reply] of replies.entries())
    assert.deepEqual((await next.request(actor, "buy", buy, `k${i}`)).ok, reply);
  for (let i = 5; i < 9; i += 1) assert.ok((await next.request(actor, "buy", buy, `k${i}`)).ok);
  const { ok } = await next.world();
  assert.equal(ok.seq, 10); // the genesis and nine purchases, each once
  await next.kill();
});
