import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { encodeObject } from "../src/formats.js";
import { blob, cbor } from "./objects.js";

const ADAPTER = fileURLToPath(new URL("../adapter.js", import.meta.url));
const START = {
  runtime: "r",
  store: "s",
  agent: "test",
  schedule: "chosen",
  clock: "suite",
  base_ms: 0,
  cap_ms: 0,
  max_attempts: 1,
  transition_ms: 0,
};

/** Run the adapter on requests: {signal, replies}. */
function ask(...requests) {
  const input = requests.map(([op, args], seq) => `${JSON.stringify({ seq, op, args })}\n`).join("");
  const { signal, stdout } = spawnSync(process.execPath, [ADAPTER], { input, encoding: "utf8" });
  return {
    signal,
    replies: stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
}

test("killed at every durable write of a start and an injection, before and after it", (context) => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "grit-"));
  context.after(() => fs.rmSync(home, { recursive: true }));
  const content = encodeObject(cbor, blob("x"));
  const agent = "573fd161edae834e58c402d7be08499147537548dc3517690ff3429badb42fa2";
  const opened = (dir, create) => ["grit.open", { store: "s", format: "cbor-blake3", backend: "durable", dir, create }];
  const inject = ["runtime.inject", { runtime: "r", to: agent, headers: [], content: content.id, mode: "signal" }];
  const work = [
    ["grit.put", { store: "s", bytes: content.bytes.toString("base64url") }],
    ["runtime.start", START],
    inject,
  ];
  const count = ["fault.count", {}];
  const whole = ask(opened(path.join(home, "whole"), true), count, ...work, count).replies;
  const writes = whole.at(-1).ok.writes - whole[1].ok.writes;
  assert.ok(writes >= 5);
  const sent = new Set();
  for (let n = 1; n <= writes + 3; n += 1) {
    for (const when of ["before", "after"]) {
      const dir = path.join(home, `${n}-${when}`);
      const killed = ask(opened(dir, true), ["fault.arm", { writes: n, when }], ...work);
      if (n <= writes) assert.equal(killed.signal, "SIGKILL"); // beyond that it depends on what is synced together
      const { replies } = ask(opened(dir, false), ...work.slice(0, 2), ["runtime.mail", { runtime: "r" }]);
      const { mail } = replies.at(-1).ok;
      sent.add(mail.length);
      assert.ok(mail.length <= 1);
      if (killed.replies.length === 5) assert.deepEqual(mail, [[agent, killed.replies[4].ok.message]]);
    }
  }
  assert.deepEqual([...sent], [0, 1]);
});

test("arguments of the new operations are checked, then features, then handles", () => {
  const { replies } = ask(
    ["wit.step", { store: "s", actor: "0".repeat(64), head: null, inbox: [], attempt: 0 }],
    ["runtime.start", { ...START, workers: 2 }],
    ["runtime.start", START],
    ["runtime.time", { runtime: "r", now_ms: "18446744073709551616" }],
    ["runtime.time", { runtime: "r", now_ms: "0" }],
    [
      "runtime.resolve",
      { runtime: "r", effect: `${"0".repeat(64)}.${"0".repeat(64)}`, outcome: { ok: "", failed: "" } },
    ],
    ["runtime.stop", { runtime: "r", how: "now" }],
    ["fault.arm", { writes: 0, when: "before" }],
  );
  const kinds = replies.map((reply) => Object.keys(reply)[1]);
  assert.deepEqual(kinds, ["error", "unsupported", "refused", "error", "refused", "error", "refused", "error"]);
  assert.equal(replies[1].unsupported.feature, "threads");
});
