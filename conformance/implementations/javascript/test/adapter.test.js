import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { chapter } from "./objects.js";

const ADAPTER = fileURLToPath(new URL("../adapter.js", import.meta.url));

const session = chapter("harness/frames").split(":name: harness-session")[1];
const lines = (mark) => [...session.matchAll(new RegExp(`^ {3}${mark} (.*)$`, "gm"))].map(([, line]) => line);

/** The fixed part of a reply: without the implementation's name and the messages for people. */
function fixed(reply) {
  const { refused, error, ok } = reply;
  if (ok?.implementation) return { seq: reply.seq, ok: ok.protocol };
  if (refused) return { seq: reply.seq, refused: refused.class, code: refused.code };
  return error ? { seq: reply.seq, error: true } : reply;
}

test("the whole session of the specification", () => {
  const done = spawnSync(process.execPath, [ADAPTER], { input: `${lines(">").join("\n")}\n`, encoding: "utf8" });
  assert.equal(done.status, 0);
  const replies = done.stdout
    .trimEnd()
    .split("\n")
    .map((line) => fixed(JSON.parse(line)));
  assert.deepEqual(
    replies,
    lines("<").map((line) => fixed(JSON.parse(line))),
  );
});

const request = (seq, op, args) => `${JSON.stringify({ seq, op, args })}\n`;

test("the end of input ends the process", () => {
  const done = spawnSync(process.execPath, [ADAPTER], { input: request(7, "ping", {}), encoding: "utf8" });
  assert.deepEqual([done.status, done.stdout], [0, '{"seq":7,"ok":{}}\n']);
});

test("a bye with arguments that do not fit does not end the process", () => {
  const input = request(1, "bye", { more: 1 }) + request(2, "ping", {}) + request(3, "bye", {});
  const done = spawnSync(process.execPath, [ADAPTER], { input, encoding: "utf8" });
  const [first, ...others] = done.stdout.trimEnd().split("\n");
  assert.ok(JSON.parse(first).error);
  assert.deepEqual(others, ['{"seq":2,"ok":{}}', '{"seq":3,"ok":{}}']);
});

test("arguments that do not fit are errors, also those that are in Object.prototype", () => {
  const input = [
    request(1, "ping", { more: 1 }),
    request(2, "constructor", {}),
    request(3, "grit.encode", { format: "cbor-blake3", object: { kind: "constructor" } }),
    request(4, "grit.id", { format: "other", bytes: "" }),
    '{"seq":5,"op":"ping","args":{"__proto__":{}}}\n',
  ].join("");
  const done = spawnSync(process.execPath, [ADAPTER], { input, encoding: "utf8" });
  const replies = done.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    replies.map((reply) => Object.keys(reply)[1]),
    ["error", "unsupported", "error", "unsupported", "error"],
  );
  assert.equal(replies[3].unsupported.feature, "other");
});

test("a listening adapter serves one connection after another", async (context) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "grit-"));
  const socketPath = path.join(folder, "socket");
  const adapter = spawn(process.execPath, [ADAPTER, "--listen", `unix:${socketPath}`], { stdio: "inherit" });
  context.after(() => {
    adapter.kill();
    fs.rmSync(folder, { recursive: true });
  });
  while (!fs.existsSync(socketPath)) await new Promise((resolve) => setTimeout(resolve, 20));
  const open = request(1, "grit.open", { store: "s", format: "cbor-blake3", backend: "memory", create: true });
  const first = net.connect(socketPath);
  const second = net.connect(socketPath);
  second.write(open + request(2, "bye", {}));
  first.write(open + open);
  const replies = [];
  for await (const line of readline.createInterface({ input: first })) {
    replies.push(line);
    if (replies.length === 2) first.end();
  }
  assert.match(replies[1], /rejected/);
  const others = [];
  for await (const line of readline.createInterface({ input: second })) others.push(JSON.parse(line));
  assert.deepEqual(others, [
    { seq: 1, ok: {} },
    { seq: 2, ok: {} },
  ]);
});
