import assert from "node:assert/strict";
import test from "node:test";
import { ZERO_ID, idAt, idBytes } from "../src/ids.js";
import { Abi } from "../src/wasm/abi.js";
import { OutOfFuel, Trap } from "../src/wasm/ends.js";
import { ABSENT, ERASED, FAILED, INVALID, KIND, LIMIT, UNKNOWN } from "../src/wasm/problems.js";
import { rejected } from "../src/refusal.js";
import { cbor, framed } from "./objects.js";
import { Bench } from "./rounds.js";

const MEMORY = 65_536;
const OUT = 60_000;
const SECOND_OUT = 61_000;
const ABSENT_ID = "7".repeat(64);

/** Host calls without a guest: memory, units and scope are the test's. */
class Desk {
  memory = new Uint8Array(MEMORY);
  fuel = 10n ** 12n;
  #next = 0;

  constructor(format, { manifest = {}, ...call } = {}) {
    this.bench = new Bench(format);
    const { workspace } = this.bench;
    this.call = {
      workspace,
      format,
      manifest,
      scope: new Set(),
      covered: [],
      queryName: null,
      attempt: 7,
      input: () => null,
      mayUse: (grant) => manifest[grant] !== undefined,
      ...call,
    };
    this.abi = new Abi(this.call);
  }

  charge(units) {
    if (BigInt(units) > this.fuel) throw new OutOfFuel();
    this.fuel -= BigInt(units);
  }

  /** Bytes at a new place: its address. */
  put(bytes) {
    const at = this.#next;
    this.memory.set(bytes, at);
    this.#next += bytes.length;
    assert.ok(this.#next < OUT);
    return at;
  }

  id = (id) => this.put(idBytes(id));

  /** An id in scope, put into memory. */
  known(id) {
    this.call.scope.add(id);
    return this.id(id);
  }

  text(text) {
    const bytes = Buffer.from(text);
    return [this.put(bytes), bytes.length];
  }

  /** {result, units}. */
  serve(name, ...args) {
    const before = this.fuel;
    const result = this.abi.serve(name, args.flat(), this);
    return { result, units: Number(before - this.fuel) };
  }

  out = (at = OUT) => idAt(Buffer.from(this.memory.buffer), at);
  bytes = (at, size) => Buffer.from(this.memory.slice(at, at + size));
}

const causeOf = (work) => {
  try {
    work();
  } catch (error) {
    return error instanceof Trap ? `trap:${error.trap}` : (error.cause ?? error.name);
  }
  return "none";
};

for (const format of [framed, cbor]) {
  const { name } = format;

  test(`reading objects in ${name}`, () => {
    const desk = new Desk(format);
    const { bench } = desk;
    const blob = bench.blob("hello", [
      ["z", "1"],
      ["ab", "2"],
    ]);
    const tree = bench.tree({ bb: blob, a: bench.tree({ x: blob }), c: blob });
    const message = bench.message(null, [["mt", "m"]], blob);
    const [atBlob, atTree, atMessage] = [blob, tree, message].map((id) => desk.known(id));
    const headers = "ab\x002\0z\x001\0";
    assert.deepEqual(desk.serve("kind", atTree), { result: 2, units: 104 });
    assert.deepEqual(desk.serve("size", atBlob), { result: 5, units: 104 });
    assert.deepEqual(desk.serve("size", atTree), { result: 3, units: 104 + 16 }); // weighs 124
    assert.deepEqual(desk.serve("size", atMessage).result, KIND);
    assert.deepEqual(desk.serve("read", atBlob, 1, OUT, 100), { result: 4, units: 105 });
    assert.equal(desk.bytes(OUT, 4).toString(), "ello");
    assert.deepEqual(desk.serve("read", atBlob, 5, OUT, 100), { result: 0, units: 104 });
    assert.deepEqual(desk.serve("headers", atBlob, OUT, 9), { result: 9, units: 106 });
    assert.equal(desk.bytes(OUT, 9).toString(), headers);
    assert.deepEqual(desk.serve("headers", atBlob, SECOND_OUT, 8), { result: 9, units: 104 });
    assert.equal(desk.memory[SECOND_OUT], 0);
    assert.deepEqual(desk.serve("link", atMessage, 1, OUT), { result: 1, units: 104 + Math.ceil((32 + 139) / 8) });
    assert.equal(desk.out(), blob);
    assert.deepEqual(desk.serve("link", atMessage, 0, OUT), { result: ABSENT, units: 104 + Math.ceil(139 / 8) });
    assert.deepEqual(
      [desk.serve("link", atMessage, 2, OUT).result, desk.serve("link", atBlob, 2, OUT).result],
      [INVALID, KIND],
    );
    const names = [0, 1, 2].map((i) =>
      desk.bytes(OUT, desk.serve("entry", atTree, i, OUT, 255, SECOND_OUT).result).toString(),
    );
    assert.deepEqual(names, ["a", "bb", "c"]);
    assert.deepEqual(desk.serve("entry", atTree, 1, OUT, 1, SECOND_OUT), { result: 2, units: 104 + 16 });
    assert.deepEqual(desk.serve("entry", atTree, 3, OUT, 255, SECOND_OUT), { result: ABSENT, units: 120 });
    assert.deepEqual(desk.serve("find", atTree, desk.text("a/x"), OUT), {
      result: 1,
      units: 105 + Math.ceil((32 + 124 + 41) / 8),
    });
    assert.deepEqual(desk.serve("find", atTree, desk.text("bb/x"), OUT), { result: ABSENT, units: 105 + 16 });
    for (const path of ["", "/", "a/", "..", "a\0"])
      assert.equal(desk.serve("find", atTree, desk.text(path), OUT).result, INVALID);
  });

  test(`making objects in ${name}`, () => {
    const desk = new Desk(format);
    const { bench } = desk;
    const blob = desk.known(bench.blob("x"));
    const before = desk.known(bench.tree({ code: bench.blob("c"), wit: bench.blob("w") }));
    const zero = desk.id(ZERO_ID);
    assert.deepEqual(desk.serve("place", before, desk.text("count"), blob, OUT), { result: 0, units: 1009 + 32 });
    const after = desk.known(desk.out());
    assert.deepEqual(Object.keys(bench.entries(desk.out())).sort(), ["code", "count", "wit"]);
    assert.equal(desk.serve("place", after, desk.text("code/a/b"), blob, OUT).result, 0); // blobs on the way become trees
    const deep = desk.known(desk.out());
    assert.equal(desk.serve("place", deep, desk.text("code/a/c"), zero, OUT).result, ABSENT);
    assert.equal(desk.serve("place", deep, desk.text("code/a/b"), zero, OUT).result, 0);
    assert.deepEqual(Object.keys(bench.entries(desk.out())).sort(), ["count", "wit"]);
    assert.deepEqual(desk.serve("place", zero, desk.text("a/b"), blob, OUT), {
      result: 0,
      units: 1000 + Math.ceil(67 / 8) + Math.ceil((32 + 82) / 8),
    });
    const alone = desk.known(desk.out());
    assert.deepEqual(desk.serve("place", alone, desk.text("a/b"), zero, OUT), {
      result: 0,
      units: 1009 + Math.ceil((32 + 82) / 8),
    });
    assert.equal(desk.out(), ZERO_ID);
    const [actor, message] = [
      desk.known(bench.tree({ x: bench.blob("x") })),
      desk.known(bench.message(null, [], bench.blob("x"))),
    ];
    assert.deepEqual(desk.serve("mail", zero, actor, message, OUT), { result: 0, units: 1012 + 13 });
    const mailbox = desk.known(desk.out());
    assert.deepEqual(desk.serve("mail", mailbox, blob, message, OUT).result, KIND);
    assert.deepEqual(desk.serve("mail", mailbox, before, zero, OUT), { result: ABSENT, units: 1012 + 9 });
    assert.deepEqual(desk.serve("mail", mailbox, actor, zero, OUT), { result: 0, units: 1012 + 13 });
    assert.equal(desk.out(), ZERO_ID);
    assert.deepEqual(desk.serve("step", zero, actor, zero, zero, before, OUT), { result: 0, units: 1020 + 28 });
    assert.deepEqual(desk.serve("step", zero, zero, zero, zero, before, OUT).result, UNKNOWN);
    assert.equal(desk.serve("blob", desk.text("abc"), desk.text("b\x001\0a\x002\0"), OUT).result, 0);
    assert.equal(desk.serve("headers", OUT, SECOND_OUT, 100).result, 8);
    for (const list of ["a", "a\0", "a\x001", "a\x001\0a\x002\0", "\x001\0", "a\0\n\0", "a b\0\0"]) {
      assert.equal(desk.serve("blob", desk.text("abc"), desk.text(list), OUT).result, INVALID, JSON.stringify(list));
    }
  });

  test(`objects that would weigh too much, and erased ones, in ${name}`, () => {
    const desk = new Desk(format);
    desk.memory = new Uint8Array(9_000_000);
    const most = 8_388_000 - 64;
    assert.deepEqual(desk.serve("blob", 0, most + 1, 0, 0, OUT), {
      result: LIMIT,
      units: 1000 + Math.ceil((most + 1) / 8) + 1_048_501,
    });
    assert.equal(desk.serve("blob", 0, most, 0, 0, OUT).result, 0);
    const { bench } = desk;
    const blob = bench.blob("gone");
    bench.workspace.keep();
    bench.store.erase(blob);
    const at = desk.known(blob);
    const results = [
      ["kind", at],
      ["size", at],
      ["read", at, 0, OUT, 4],
      ["headers", at, OUT, 4],
    ].map((call) => desk.serve(...call).result);
    assert.deepEqual(results, [1, ERASED, ERASED, ERASED]);
    assert.equal(desk.serve("blob", desk.text("gone"), 0, 0, OUT).result, 0);
    assert.equal(desk.serve("read", OUT, 0, SECOND_OUT, 4).result, ERASED);
  });
}

test("the order of what is wrong with a host call", () => {
  const desk = new Desk(framed);
  const unknown = desk.id(desk.bench.blob("y"));
  const blob = desk.known(desk.bench.blob("x"));
  const [path, length] = desk.text("a//b");
  assert.equal(
    causeOf(() => desk.serve("find", unknown, path, length, MEMORY - 31)),
    "trap:memory-bounds",
  );
  assert.equal(
    causeOf(() => desk.serve("random", 0, 10)),
    "denied:random",
  );
  assert.equal(
    causeOf(() => desk.serve("random", MEMORY, 1)),
    "trap:memory-bounds",
  );
  assert.equal(
    causeOf(() => desk.serve("random", -1, -1)),
    "trap:memory-bounds",
  );
  assert.equal(desk.serve("log", MEMORY, 0).result, 0);
  assert.equal(desk.serve("find", unknown, path, length, OUT).result, UNKNOWN);
  assert.equal(desk.serve("find", blob, path, length, OUT).result, KIND);
  assert.equal(desk.serve("place", unknown, path, length, unknown, OUT).result, INVALID);
  assert.equal(desk.serve("input", 8, OUT).result, INVALID);
  assert.deepEqual(desk.serve("input", 0, OUT), { result: ABSENT, units: 100 });
  desk.fuel = 103n;
  assert.equal(
    causeOf(() => desk.serve("kind", unknown)),
    "OutOfFuel",
  );
  desk.fuel = 104n;
  assert.deepEqual(desk.serve("kind", unknown), { result: UNKNOWN, units: 104 });
});

test("an id is in scope once it was written, and raw lifts that for edges", () => {
  for (const manifest of [{}, { raw: true }]) {
    const desk = new Desk(framed, { manifest });
    const blob = desk.bench.blob("x");
    const [strange, zero, root] = [desk.id(ABSENT_ID), desk.id(ZERO_ID), desk.known(desk.bench.tree({ x: blob }))];
    const lifted = manifest.raw ? 0 : UNKNOWN;
    assert.equal(desk.serve("kind", desk.id(blob)).result, UNKNOWN);
    assert.equal(desk.serve("message", strange, 0, 0, strange, OUT).result, lifted);
    assert.equal(desk.serve("message", zero, 0, 0, root, OUT).result, 0);
    assert.equal(desk.serve("message", root, 0, 0, root, OUT).result, manifest.raw ? 0 : KIND);
    assert.equal(desk.serve("message", zero, 0, 0, zero, OUT).result, UNKNOWN);
    assert.equal(desk.serve("result", strange).result, lifted);
    assert.equal(desk.serve("result", zero).result, 0);
    assert.equal(desk.call.result, null);
    assert.equal(desk.serve("place", strange, desk.text("a"), root, OUT).result, UNKNOWN);
    assert.equal(desk.serve("find", root, desk.text("x"), OUT).result, 1);
    assert.equal(desk.serve("kind", desk.id(blob)).result, 1);
  }
});

test("queries, randomness, the clock, the attempt, and the end", () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  const manifest = { query: true, attempt: true, random: key, clock: { start: 5n, tick: 2n ** 62n } };
  const answers = [];
  const ask = () => answers.shift()();
  const desk = new Desk(framed, { manifest, ask, random: { key, position: 0n }, clock: 5n });
  const [actor, args] = [desk.known(desk.bench.tree({ x: desk.bench.blob("x") })), desk.known(desk.bench.blob("a"))];
  const query = () => desk.serve("query", actor, desk.text("q"), args, OUT);
  answers.push(
    () => desk.bench.blob("answer"),
    () => null,
    () => {
      throw rejected("no");
    },
  );
  assert.deepEqual(query(), { result: 1, units: 10_009 + 4 });
  assert.equal(desk.out(), desk.bench.blob("answer"));
  assert.deepEqual(
    [query(), query()].map(({ result, units }) => [result, units]),
    [
      [ABSENT, 10_009],
      [FAILED, 10_009],
    ],
  );
  assert.equal(desk.serve("query", actor, desk.put([0xff]), 1, args, OUT).result, INVALID);
  assert.deepEqual(desk.serve("random", OUT, 30), { result: 0, units: 115 });
  desk.serve("random", OUT + 30, 2);
  assert.equal(desk.out(), "43840600bc81db123e47ff9c26c205856b3b5d6fde6c428f87b8aa02ff9ce557");
  desk.call.random = { key, position: 2n ** 63n - 2n };
  assert.deepEqual(desk.serve("random", OUT, 2), { result: LIMIT, units: 101 });
  assert.deepEqual(
    [1, 2, 3].map(() => desk.serve("clock").result),
    [5n, 2n ** 62n + 5n, 5n],
  );
  assert.equal(desk.serve("attempt").result, 7);
  assert.equal(desk.serve("fuel").result, desk.fuel);
  assert.equal(desk.serve("query_name", OUT, 10).result, ABSENT);
  assert.equal(
    causeOf(() => desk.serve("fail", -1, desk.text("why"))),
    "guest:4294967295",
  );
});
