import assert from "node:assert/strict";
import test from "node:test";
import { admit } from "../src/wasm/admission.js";
import { OutOfFuel, Trap } from "../src/wasm/ends.js";
import { Instance } from "../src/wasm/engine.js";
import { witOf } from "./assembler.js";

const LOOP = "loop - local.get 0 i32.const 1 i32.add local.tee 0 i32.const 100 i32.lt_u br_if 0 end";
const ONE_LOCAL = { locals: [[1, "i32"]] };
const FIB =
  "local.get 0 i32.const 2 i32.lt_u if i32 local.get 0 else local.get 0 i32.const 1 i32.sub call 1 " +
  "local.get 0 i32.const 2 i32.sub call 1 i32.add end";
const ONE_PAGE = { memory: [1] };
const COUNT_UP = "i32.const 0 i32.const 0 i32.load 2 0 i32.const 1 i32.add i32.store 2 0 ";
const NANS =
  "i32.const 0 f64.const -0 f64.const 0 f64.div f64.store 3 0 i32.const 8 f32.const nan:0x200001 f32.const 1 f32.add f32.store 2 0 " +
  "i32.const 16 i32.const 0 f64.load 3 0 f64.neg f64.store 3 0 i32.const 4 i32.load 2 0 i32.const 8 i32.load 2 0 i32.add";
const OF_ANOTHER_TYPE = {
  types: [["i32", ""]],
  functions: [{ type: 1, code: "" }],
  table: [2],
  elements: [[0, [0]]],
};

/** The worked examples of the specification: what they are, how they end, what they spend. */
const EXAMPLES = [
  ["0", witOf("i32.const 0"), 0, 3],
  ["a loop", witOf(`${LOOP} i32.const 0`, ONE_LOCAL), 0, 703],
  ["a division", witOf(`${LOOP} i32.const 1 i32.const 0 i32.div_u`, ONE_LOCAL), "divide-by-zero", 712],
  [
    "fib",
    witOf("i32.const 20 call 1", { types: [["i32", "i32"]], functions: [{ type: 1, code: FIB }] }),
    6765,
    306_474,
  ],
  ["grow", witOf("i32.const 3 memory.grow", ONE_PAGE), 1, 24_643],
  ["grow too far", witOf("i32.const 256 memory.grow", ONE_PAGE), -1, 2_097_219],
  ["fill", witOf("i32.const 0 i32.const 1 i32.const 65536 memory.fill i32.const 0", ONE_PAGE), 0, 8_262],
  ["1,000 stores", witOf(`${COUNT_UP.repeat(1000)} i32.const 0`, ONE_PAGE), 0, 6_003],
  ["NaN", witOf(NANS, ONE_PAGE), 4_290_248_704 | 0, 29],
  ["unreachable", witOf("unreachable"), "unreachable", 3],
  ["a load", witOf("i32.const 65533 i32.load 2 0", ONE_PAGE), "memory-bounds", 4],
  [
    "fill too far",
    witOf("i32.const 65530 i32.const 1 i32.const 7 memory.fill i32.const 0", ONE_PAGE),
    "memory-bounds",
    70,
  ],
  ["overflow", witOf("i32.const 0x80000000 i32.const -1 i32.div_s"), "unrepresentable", 12],
  ["conversion", witOf("f32.const nan i32.trunc_f32_s"), "unrepresentable", 4],
  ["another type", witOf("i32.const 1 i32.const 0 call_indirect 1 i32.const 0", OF_ANOTHER_TYPE), "indirect-call", 13],
  ["null", witOf("i32.const 1 call_indirect 1 i32.const 0", { types: [["", ""]], table: [2] }), "indirect-call", 12],
  ["deep", witOf("i32.const 1 call 0 i32.add"), "stack-overflow", 52_424],
];

/** Traps that the examples have not. */
const TRAPS = [
  ["past the table", witOf("i32.const 2 call_indirect 0", { table: [2] }), "table-bounds"],
  ["far past the table", witOf("i32.const -1 call_indirect 0", { table: [2] }), "table-bounds"],
  ["no table at all", witOf("i32.const 0 call_indirect 0", { table: [0] }), "table-bounds"],
  ["a remainder", witOf("i64.const 1 i64.const 0 i64.rem_s i32.wrap_i64"), "divide-by-zero"],
  ["a division of i64", witOf("i64.const 0x8000000000000000 i64.const -1 i64.div_s i32.wrap_i64"), "unrepresentable"],
  ["out of range", witOf("f64.const 1e30 i64.trunc_f64_u i32.wrap_i64"), "unrepresentable"],
  ["a store", witOf("i32.const -1 i64.const 0 i64.store 3 0 i32.const 0", ONE_PAGE), "memory-bounds"],
  ["a far offset", witOf("i32.const -1 i32.load8_u 0 4294967295", ONE_PAGE), "memory-bounds"],
  ["copy", witOf("i32.const 0 i32.const 65535 i32.const 2 memory.copy i32.const 0", ONE_PAGE), "memory-bounds"],
  [
    "init past the segment",
    witOf("i32.const 0 i32.const 1 i32.const 4 memory.init 0 i32.const 0", { memory: [1], passive: ["four"] }),
    "memory-bounds",
  ],
  [
    "init past memory",
    witOf("i32.const 65535 i32.const 0 i32.const 2 memory.init 0 i32.const 0", { memory: [1], passive: ["four"] }),
    "memory-bounds",
  ],
  [
    "init of a dropped segment",
    witOf("i32.const 0 i32.const 0 i32.const 1 memory.init 0 i32.const 0", {
      memory: [1],
      data: [[0, "a"]],
      passive: [],
    }),
    "memory-bounds",
  ],
];

function instanceOf(bytes, fuel, host = () => assert.fail("a host call"), pages = 256) {
  const instance = new Instance(admit(bytes, "wit", pages), host);
  instance.fuel = BigInt(fuel);
  return instance;
}

/** How a call ends: a number, or the name of a trap, or `fuel`. */
function run(instance) {
  try {
    return instance.call("wit");
  } catch (error) {
    if (error instanceof OutOfFuel) return "fuel";
    if (error instanceof Trap) return error.trap;
    throw error;
  }
}

for (const [name, bytes, end, needed] of EXAMPLES) {
  test(`the figures of ${name}`, () => {
    for (const more of [0, 1, 1_000_000]) {
      const instance = instanceOf(bytes, needed + more);
      assert.equal(run(instance), end);
      assert.equal(instance.fuel, BigInt(more));
    }
    for (const fewer of [needed - 1, Math.floor(needed / 2), 0]) assert.equal(run(instanceOf(bytes, fewer)), "fuel");
  });
}

for (const [name, bytes, trap] of TRAPS) {
  test(`the trap of ${name}`, () => assert.equal(run(instanceOf(bytes, 1_000)), trap));
}

test("every NaN that is made is canonical, every other one is kept", () => {
  const store = (at, type, instructions) => `i32.const ${at} ${instructions} ${type}.store 2 0 `;
  const instance = instanceOf(
    witOf(
      store(0, "f32", "f32.const -nan:0x1 f32.sqrt") +
        store(4, "f32", "f32.const -nan:0x1 f32.neg") +
        store(8, "f32", "f64.const -nan:0x1 f32.demote_f64") +
        store(16, "f64", "f32.const -nan:0x1 f64.promote_f32") +
        store(24, "f64", "f64.const -nan:0x7 f64.const 1 f64.min") +
        store(32, "f64", "f64.const 1 f64.const -nan:0x7 f64.copysign") +
        store(40, "f32", "i32.const -1 f32.reinterpret_i32") +
        "i32.const 0",
      ONE_PAGE,
    ),
    1_000,
  );
  assert.equal(run(instance), 0);
  const view = new DataView(instance.memory.buffer);
  assert.deepEqual(
    [0, 4, 8, 40].map((at) => view.getUint32(at, true)),
    [0x7fc00000, 0x7f800001, 0x7fc00000, 0xffffffff],
  );
  assert.deepEqual(
    [16, 24, 32].map((at) => view.getBigUint64(at, true)),
    [0x7ff8n << 48n, 0x7ff8n << 48n, 0xbff0n << 48n],
  );
});

test("memory grows to the maximum and no further, and is 00", () => {
  const grow = witOf("i32.const 1023 memory.grow i32.const 1 memory.grow i32.add", ONE_PAGE);
  const instance = instanceOf(grow, 10_000_000, undefined, 1024);
  assert.equal(run(instance), 0); // 1 and -1
  assert.equal(instance.pages, 1024);
  assert.ok(Buffer.from(instance.memory.buffer).equals(Buffer.alloc(67_108_864)));
  assert.equal(run(instanceOf(witOf("i32.const 2 memory.grow", { memory: [1, 2] }), 100_000)), -1);
});

test("host calls: arguments, fuel, growth, their ends", () => {
  const bytes = witOf("i32.const -1 i32.const 7 call 0 i32.const 1 memory.grow drop call 1 i32.wrap_i64 i32.add", {
    memory: [1, 4],
    types: [
      ["i32 i32", "i32"],
      ["", "i64"],
    ],
    imports: [
      ["input", 1],
      ["clock", 2],
    ],
    exports: [["wit", "function", 2]],
  });
  const seen = [];
  const host = (name, args, instance) => {
    seen.push([name, args, instance.pages, instance.fuel]);
    instance.charge(100);
    return name === "input" ? 2 : 2n ** 32n + 3n;
  };
  const instance = instanceOf(bytes, 10_000, host);
  assert.equal(run(instance), 5);
  assert.deepEqual(seen, [
    ["input", [-1, 7], 1, 9_920n],
    ["clock", [], 2, 1_628n],
  ]);
  assert.equal(instance.fuel, 1_528n);
  assert.equal(run(instanceOf(bytes, 183, host)), "fuel");
  const trouble = new RangeError("of the host");
  assert.throws(
    () =>
      instanceOf(bytes, 10_000, () => {
        throw trouble;
      }).call("wit"),
    (error) => error === trouble,
  );
  assert.throws(
    () =>
      instanceOf(bytes, 10_000, () => {
        throw new Trap("memory-bounds");
      }).call("wit"),
    Trap,
  );
});

test("globals are read and written by their bits", () => {
  const bytes = witOf("global.get 1 global.set 3 i32.const 0", {
    globals: [
      ["i32", false, "i32.const 5"],
      ["i64", true, "i64.const -1"],
      ["i32", true, "i32.const -2"],
      ["i64", true, "i64.const 1"],
    ],
  });
  const instance = instanceOf(bytes, 100);
  assert.deepEqual(instance.getGlobals(), [2n ** 64n - 1n, 2n ** 32n - 2n, 1n]);
  instance.setGlobals([2n ** 63n, 2n ** 31n, 7n]);
  assert.deepEqual(instance.getGlobals(), [2n ** 63n, 2n ** 31n, 7n]);
  assert.equal(run(instance), 0);
  assert.deepEqual(instance.getGlobals(), [2n ** 63n, 2n ** 31n, 2n ** 63n]);
});

test("names and messages of a module are not what traps are read by", () => {
  const named = witOf("unreachable", {
    exports: [
      ["wit", "function", 0],
      ["memory access out of bounds", "function", 0],
    ],
  });
  assert.equal(run(instanceOf(named, 100)), "unreachable");
});

test("what is run does what the metered form does", () => {
  for (const [name, bytes, , needed] of EXAMPLES) {
    for (const fuel of [needed, needed - 1, Math.floor(needed / 2)]) {
      const run = instanceOf(bytes, fuel);
      const { exports: metered } = new WebAssembly.Instance(
        new WebAssembly.Module(admit(bytes, "wit", 256).metered),
        {},
      );
      metered["grit:fuel"].value = BigInt(fuel);
      const [end, other] = [() => run.call("wit"), () => metered.wit()].map((call) => {
        try {
          return call();
        } catch {
          return "trap";
        }
      });
      assert.deepEqual(
        [end, run.fuel, run.depth],
        [other, metered["grit:fuel"].value, metered["grit:depth"].value >>> 0],
        name,
      );
      const memory = metered["grit:memory"]?.buffer ?? new ArrayBuffer(0);
      assert.ok(Buffer.from(run.memory).equals(Buffer.from(memory)), name);
    }
  }
});
