import assert from "node:assert/strict";
import test from "node:test";
import { bufferSource, readBundle } from "../src/bundle.js";
import { PieceExport } from "../src/export.js";
import { startHash } from "../src/formats.js";
import { importSource } from "../src/import.js";
import { LIMITS } from "../src/limits.js";
import { MemoryBackend } from "../src/memory.js";
import { Store } from "../src/store.js";
import { transcode } from "../src/transcode.js";
import { blob, cbor, framed, message, put, refusalOf, tree } from "./objects.js";

const newStore = (format) => new Store(format, new MemoryBackend());

function exported(store) {
  const pieces = [];
  const going = new PieceExport(store, undefined);
  for (let isLast = false; !isLast; ) {
    const piece = going.next();
    pieces.push(piece.bytes);
    isLast = piece.isLast;
  }
  return Buffer.concat(pieces);
}

function smallStore(format) {
  const store = newStore(format);
  const leaf = put(store, blob("hello", [["ct", "s"]]));
  const root = put(store, tree(["b", leaf], ["aa", leaf], ["sub", put(store, tree(["x", leaf]))]));
  const head = put(store, { kind: "step", previous: null, actor: root, inbox: null, outbox: null, core: root });
  store.swap([
    { name: `heads/${root}`, old: null, new: head },
    { name: `gone/${root}`, old: null, new: leaf },
    { name: `tags/${root}`, old: null, new: leaf },
  ]);
  return store;
}

function withDigest(format, bytes) {
  const body = bytes.subarray(0, -32);
  const hash = startHash(format);
  hash.update(body);
  return Buffer.concat([body, Buffer.from(hash.digest(), "hex")]);
}

for (const format of [framed, cbor]) {
  test(`a bundle of ${format.name} survives import and export`, () => {
    const bytes = exported(smallStore(format));
    const other = newStore(format);
    assert.deepEqual(importSource(other, bufferSource(bytes)), { objects: 4, refs: 3 });
    assert.deepEqual(exported(other), bytes);
    const foreign = newStore(format === cbor ? framed : cbor);
    assert.equal(
      refusalOf(() => importSource(foreign, bufferSource(bytes))),
      "rejected/format",
    );
  });

  test(`no prefix and no changed byte of a bundle of ${format.name} is taken`, () => {
    const bytes = exported(smallStore(format));
    const frames = bytes.indexOf("\n\n") + 2;
    for (let at = 0; at < bytes.length; at += 1) {
      assert.equal(
        refusalOf(() => readBundle(format, bufferSource(bytes.subarray(0, at)))),
        "malformed",
      );
      const changed = Buffer.from(bytes);
      changed[at] ^= 1;
      assert.notEqual(
        refusalOf(() => readBundle(format, bufferSource(changed))),
        "none",
      );
      if (at < frames || at >= bytes.length - 32) continue;
      assert.notEqual(
        refusalOf(() => readBundle(format, bufferSource(withDigest(format, changed)))),
        "none",
        `at ${at}`,
      );
    }
  });
}

test("transcoding there and back gives the same bytes and renames what it should", () => {
  const bytes = exported(smallStore(framed));
  const there = transcode(framed, cbor, bytes);
  assert.deepEqual(transcode(cbor, framed, there), bytes);
  const old = readBundle(framed, bufferSource(bytes)).refs.map(([name]) => name);
  const renamed = readBundle(cbor, bufferSource(there)).refs.map(([name]) => name);
  assert.equal(renamed.includes(old.find((name) => name.startsWith("tags/"))), true);
  assert.equal(renamed.includes(old.find((name) => name.startsWith("gone/"))), false);
});

test("what has no spelling in the other format is refused", () => {
  const store = newStore(cbor);
  store.swap([{ name: "tags/a", old: null, new: put(store, tree(["é", put(store, blob(""))])) }]);
  assert.equal(
    refusalOf(() => transcode(cbor, framed, exported(store))),
    "invalid",
  );
});

test("trees may be nested up to the limit, and chains have none", () => {
  const store = newStore(framed);
  let top = put(store, blob(""));
  let last = null;
  for (let i = 0; i < 20_000; i += 1) last = put(store, message(last, top));
  for (let i = 0; i < LIMITS.tree_depth; i += 1) top = put(store, tree(["a", top], ["b", top]));
  store.swap([{ name: "tags/a", old: null, new: put(store, message(last, top)) }]);
  assert.equal(store.prune([]), 0);
  assert.equal(importSource(newStore(framed), bufferSource(exported(store))).refs, 1);
  const deeper = put(store, tree(["a", top]));
  assert.equal(
    refusalOf(() => store.prune([deeper])),
    "exhausted",
  );
});
