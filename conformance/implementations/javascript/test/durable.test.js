import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { DurableBackend } from "../src/durable.js";
import { encodeObject } from "../src/formats.js";
import { Lock } from "../src/lock.js";
import { Store } from "../src/store.js";
import { blob, cbor, framed, put, refusalOf, tree } from "./objects.js";

function folderFor(context) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "grit-"));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

const open = (folder, create = false) => new Store(framed, DurableBackend.open(folder, framed, create));

test("a store can be opened again, in its own format only", (context) => {
  const folder = path.join(folderFor(context), "new", "store");
  assert.equal(
    refusalOf(() => open(folder)),
    "missing",
  );
  assert.equal(fs.existsSync(folder), false);
  const id = put(open(folder, true), blob("kept"));
  assert.deepEqual(open(folder).get(id), encodeObject(framed, blob("kept")).bytes);
  assert.equal(
    refusalOf(() => DurableBackend.open(folder, cbor, true)),
    "rejected/format",
  );
});

test("a last record that is cut anywhere is not there, and the next one is", (context) => {
  const folder = folderFor(context);
  const log = path.join(folder, "log");
  const store = open(folder, true);
  const first = put(store, blob("first"));
  const whole = fs.statSync(log).size;
  const second = put(store, blob("second"));
  const bytes = fs.readFileSync(log);
  for (let size = whole; size < bytes.length; size += 1) {
    fs.writeFileSync(log, bytes.subarray(0, size));
    const again = open(folder);
    assert.deepEqual(again.has([first, second]), [true, false]);
    put(again, blob("third"));
    put(again, blob("second"));
    assert.deepEqual(open(folder).has([first, second]), [true, true]);
  }
});

test("two openings see each other's writing, erasing and pruning", (context) => {
  const folder = folderFor(context);
  const [one, other] = [open(folder, true), open(folder)];
  const leaf = put(one, blob("some secret bytes"));
  const root = put(other, tree(["a", leaf]));
  one.swap([{ name: "tags/a", old: null, new: root }]);
  assert.equal(
    refusalOf(() => other.swap([{ name: "tags/a", old: null, new: root }])),
    "rejected/conflict",
  );
  const stray = put(other, blob("stray"));
  assert.equal(one.prune([]), 1);
  assert.equal(
    refusalOf(() => other.get(stray)),
    "missing",
  );
  other.erase(leaf);
  assert.equal(
    refusalOf(() => one.get(leaf)),
    "missing/erased",
  );
  assert.equal(
    refusalOf(() => put(one, blob("some secret bytes"))),
    "rejected/erased",
  );
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    if (fs.statSync(file).isFile()) assert.equal(fs.readFileSync(file).includes("secret"), false, name);
  }
});

test("altered bytes are found, and fixed by putting them again", (context) => {
  const store = open(folderFor(context), true);
  const id = put(store, blob("some bytes"));
  store.damage(id, 10, 255);
  assert.equal(
    refusalOf(() => store.get(id)),
    "missing/corrupt",
  );
  assert.equal(
    refusalOf(() => store.erase(id)),
    "missing/corrupt",
  );
  put(store, blob("some bytes"));
  assert.equal(
    refusalOf(() => store.get(id)),
    "none",
  );
});

const HOLDER = `
  import { Lock } from ${JSON.stringify(new URL("../src/lock.js", import.meta.url).href)};
  const lock = new Lock(process.argv[1]);
  lock.hold(() => {
    process.stdout.write("held\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000);
  });`;

test("the lock of a killed process is taken over, and not before", async (context) => {
  const folder = folderFor(context);
  const command = ["--input-type=module", "-e", HOLDER, folder];
  const holder = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const taken = fs.readdirSync(folder).filter((name) => /^\d+$/.test(name));
  assert.deepEqual(taken, ["1"]);
  setTimeout(() => holder.kill("SIGKILL"), 200);
  await new Promise((resolve) => holder.once("exit", resolve));
  assert.equal(
    new Lock(folder).hold(() => "mine"),
    "mine",
  );
});

const ADDER = `
  import fs from "node:fs";
  import { Lock } from ${JSON.stringify(new URL("../src/lock.js", import.meta.url).href)};
  const [folder, file] = process.argv.slice(1);
  const lock = new Lock(folder);
  for (let i = 0; i < 200; i += 1) {
    lock.hold(() => fs.writeFileSync(file, String(Number(fs.readFileSync(file, "utf8")) + 1)));
  }`;

test("two processes never hold the lock at once", async (context) => {
  const folder = folderFor(context);
  const file = path.join(folder, "count");
  fs.writeFileSync(file, "0");
  const locks = path.join(folder, "lock");
  fs.mkdirSync(locks);
  const run = () => spawn(process.execPath, ["--input-type=module", "-e", ADDER, locks, file], { stdio: "inherit" });
  await Promise.all([run(), run(), run()].map((child) => new Promise((resolve) => child.once("exit", resolve))));
  assert.equal(fs.readFileSync(file, "utf8"), "600");
  assert.equal(fs.readdirSync(locks).length < 20, true);
});

test("a medium without room refuses and stays usable", (context) => {
  const folder = folderFor(context);
  const script = `
    import { DurableBackend } from ${JSON.stringify(new URL("../src/durable.js", import.meta.url).href)};
    import { FORMATS } from ${JSON.stringify(new URL("../src/formats.js", import.meta.url).href)};
    import { Store } from ${JSON.stringify(new URL("../src/store.js", import.meta.url).href)};
    process.on("SIGXFSZ", () => {});
    const format = FORMATS.get("framed-sha256");
    const store = new Store(format, DurableBackend.open(process.argv[1], format, true));
    const put = (size) => {
      try {
        store.put(Buffer.from("blob " + (size + 1) + "\\0\\0" + "a".repeat(size)));
        return "stored";
      } catch (error) {
        return error.refusalClass;
      }
    };
    console.log([put(60_000), put(60_000 + 1), put(7)].join());`;
  const command = `ulimit -f 96; exec "$0" --input-type=module -e "$1" "$2"`; // 96 KiB, or 48 where a block has 512 bytes
  const done = spawnSync("bash", ["-c", command, process.execPath, script, folder], { encoding: "utf8" });
  assert.match(done.stdout, /^(stored,exhausted|exhausted,exhausted),stored\n$/, done.stderr);
});

test("a log that another opening rewrote and made longer is not cut", (context) => {
  const folder = folderFor(context);
  const [one, other] = [open(folder, true), open(folder)];
  const stray = put(other, blob("stray"));
  const ids = Array.from({ length: 20 }, (_, i) => put(other, blob(`number ${i}`)));
  assert.equal(other.prune(ids), 1);
  put(one, blob("more"));
  for (const id of ids) assert.ok(open(folder).get(id));
  assert.deepEqual(one.has([stray, ids[19]]), [false, true]);
});

test("a group is there as a whole or not at all", (context) => {
  const folder = folderFor(context);
  const store = open(folder, true);
  const target = encodeObject(framed, blob("target"));
  const change = { name: "tags/a", old: null, new: target.id };
  assert.throws(
    () =>
      store.backend.group(() => {
        assert.equal(store.commit([[target.id, target.bytes]], [change]), true);
        assert.deepEqual(store.get(target.id), target.bytes);
        throw new Error("later");
      }),
    /later/,
  );
  assert.deepEqual([store.has([target.id]), store.backend.references.target("tags/a")], [[false], null]);
  const log = path.join(folder, "log");
  const before = fs.statSync(log).size;
  assert.equal(store.commit([[target.id, target.bytes]], [change]), true);
  assert.equal(store.commit([], [change]), false);
  const bytes = fs.readFileSync(log);
  for (let size = before; size < bytes.length; size += 1) {
    fs.writeFileSync(log, bytes.subarray(0, size));
    assert.equal(open(folder).backend.references.target("tags/a"), null);
  }
});
