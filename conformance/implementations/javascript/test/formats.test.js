import assert from "node:assert/strict";
import test from "node:test";
import { FORMATS, decodeObject, encodeObject } from "../src/formats.js";
import { LIMITS } from "../src/limits.js";
import { gritObject, spellObject } from "../src/shapes.js";
import { blob, cbor, chapter, framed, refusalOf } from "./objects.js";

function* examples() {
  for (const name of ["objects", "framed-sha256", "cbor-blake3"]) {
    for (const [, title, body] of chapter(`grit/${name}`).matchAll(/\.\. example:: (\S+)\n\n((?: {3}.*\n)+)/g)) {
      const fields = body
        .trim()
        .split("\n")
        .map((line) => /^\s*(\w+): (.*)$/.exec(line).slice(1));
      yield { title, ...Object.fromEntries(fields) };
    }
  }
}

for (const example of examples()) {
  test(`the specification's example ${example.title}`, () => {
    const format = FORMATS.get(example.format);
    const bytes = Buffer.from(example.bytes.replaceAll(" ", ""), "hex");
    if (example.refused)
      return assert.equal(
        refusalOf(() => decodeObject(format, bytes)),
        example.refused,
      );
    const { object, id } = decodeObject(format, bytes);
    assert.equal(id, example.id);
    assert.deepEqual(spellObject(object), JSON.parse(example.object));
    assert.deepEqual(encodeObject(format, gritObject(JSON.parse(example.object), "object")), { bytes, id });
  });
}

test("the limit on objects is exact", () => {
  for (const format of [framed, cbor]) {
    const overhead = encodeObject(format, blob(Buffer.alloc(1_000_000))).bytes.length - 1_000_000;
    const { bytes } = encodeObject(format, blob(Buffer.alloc(LIMITS.object_bytes - overhead)));
    assert.equal(bytes.length, LIMITS.object_bytes);
    assert.equal(
      refusalOf(() => decodeObject(format, bytes)),
      "none",
    );
    assert.equal(
      refusalOf(() => decodeObject(format, Buffer.alloc(LIMITS.object_bytes + 1))),
      "exhausted",
    );
    const more = blob(Buffer.alloc(LIMITS.object_bytes - overhead + 1));
    assert.equal(
      refusalOf(() => encodeObject(format, more)),
      "exhausted",
    );
  }
});

test("whatever one changed byte is decoded to is encoded as these bytes", () => {
  for (const example of examples()) {
    const format = FORMATS.get(example.format);
    const bytes = Buffer.from(example.bytes.replaceAll(" ", ""), "hex");
    for (let at = 0; at < bytes.length; at += 1) {
      for (const value of [0, 1, 0x20, 0x2f, 0x40, 0x7f, 0x9f, 0xbf, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        const found = refusalOf(() => {
          assert.deepEqual(encodeObject(format, decodeObject(format, changed).object).bytes, changed);
        });
        assert.match(found, /^(none|malformed|invalid)$/);
      }
    }
  }
});

test("a mailbox is encoded in the order of its keys, whatever the order it is given in", () => {
  const id = (byte) => byte.repeat(32);
  const sorted = [
    [id("01"), id("aa")],
    [id("7f"), id("bb")],
    [id("80"), id("aa")],
  ];
  for (const format of [framed, cbor]) {
    const { bytes } = encodeObject(format, { kind: "mailbox", entries: sorted });
    assert.deepEqual(decodeObject(format, bytes).object.entries, sorted);
    assert.deepEqual(encodeObject(format, { kind: "mailbox", entries: sorted.toReversed() }).bytes, bytes);
    for (const bad of [
      [id("01"), id("cc")],
      [id("00"), id("aa")],
      [id("02"), id("00")],
    ]) {
      const object = { kind: "mailbox", entries: [...sorted, bad] };
      assert.equal(
        refusalOf(() => encodeObject(format, object)),
        "invalid",
      );
    }
    assert.equal(
      refusalOf(() => encodeObject(format, { kind: "mailbox", entries: [] })),
      "invalid",
    );
  }
});

test("deep nesting is refused without recursion", () => {
  for (const initial of [0x81, 0x9f, 0xc1, 0xd8]) {
    assert.match(
      refusalOf(() => decodeObject(cbor, Buffer.alloc(1_000_000, initial))),
      /^(malformed|invalid)$/,
    );
  }
});
