import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { admit } from "../src/wasm/admission.js";
import { OutOfFuel, Trap } from "../src/wasm/ends.js";
import { Guest } from "../src/wasm/guests.js";
import { witOf } from "./assembler.js";

function start(context, bytes, { fuel = 1_000_000n, pages = 1_024, host = () => assert.fail("a host call") } = {}) {
  const guest = new Guest(admit(bytes, "wit", pages), host);
  context.after(() => guest.close());
  guest.fuel = fuel;
  return guest;
}

const endOf = (work) => {
  try {
    return work();
  } catch (error) {
    if (error instanceof Trap) return error.trap;
    if (error instanceof OutOfFuel) return "fuel";
    throw error;
  }
};

const repeat = (count, item) => Array.from({ length: count }, (_, i) => item(i)).join(" ");
const i64s = (count) => repeat(count, () => "i64");

/** Recursions without end, by what their frames hold. */
const RECURSIONS = {
  nothing: witOf("call 0"),
  "an operand": witOf("i32.const 1 call 0 i32.add"),
  "i64 locals": witOf("i64.const 1 local.set 0 call 0 local.get 0 i32.wrap_i64 i32.add", { locals: [[1_000, "i64"]] }),
  "f64 locals": witOf("call 0 local.get 9999 i32.trunc_sat_f64_s i32.add", { locals: [[10_000, "f64"]] }),
  "f64 operands": witOf(
    `${repeat(3_000, (i) => `f64.const ${i}`)} call 0 drop ${"f64.add ".repeat(2_999)} drop i32.const 0`,
  ),
  "many parameters and results": witOf("call 1 i32.const 0", {
    types: [
      [i64s(64), i64s(16)],
      ["", ""],
    ],
    functions: [
      { type: 2, code: `${repeat(64, () => "i64.const 1")} call 2 ${"drop ".repeat(16)}` },
      { type: 1, code: `${repeat(64, (i) => `local.get ${i}`)} call 2` },
    ],
  }),
};

for (const [name, bytes] of Object.entries(RECURSIONS)) {
  test(`a recursion whose frames hold ${name}`, (context) => {
    const ends = [1, 2, 3].map(() => endOf(() => start(context, bytes, { fuel: 1_000_000_000n }).call("wit")));
    assert.deepEqual(ends, ["stack-overflow", "stack-overflow", "stack-overflow"]);
  });
}

test("recursion that is optimized meanwhile", (context) => {
  const terms = repeat(
    8,
    (i) => `local.get ${1 + i} i32.wrap_i64 i32.add local.get ${9 + i} i32.trunc_sat_f64_u i32.add`,
  );
  const sets = repeat(
    8,
    (i) =>
      `local.get 0 i64.extend_i32_u i64.const ${i + 3} i64.mul local.set ${1 + i} local.get 0 f64.convert_i32_u local.set ${9 + i}`,
  );
  const bytes = witOf(
    "loop - i32.const 40 call 1 drop local.get 0 i32.const 1 i32.add local.tee 0 i32.const 20000 i32.lt_u br_if 0 end i32.const 100000 call 1",
    {
      locals: [[1, "i32"]],
      types: [["i32", "i32"]],
      functions: [
        {
          type: 1,
          locals: [
            [8, "i64"],
            [8, "f64"],
          ],
          code: `${sets} local.get 0 i32.eqz if i32 i32.const 7 else local.get 0 i32.const 1 i32.sub call 1 end ${terms}`,
        },
      ],
    },
  );
  const guest = start(context, bytes, { fuel: 10n ** 12n });
  assert.equal(
    endOf(() => guest.call("wit")),
    "stack-overflow",
  );
  assert.ok(10n ** 12n - guest.fuel > 20_000n * 40n * 100n); // it reached the last recursion
});

const HOSTED = witOf(
  "i32.const 3 memory.grow drop i32.const 200000 i32.const 7 i32.store8 0 0 i32.const 200000 i32.const -1 call 0 i32.const 200001 i32.load8_u 0 0 i32.add",
  {
    memory: [1, 4],
    types: [
      ["i32 i32", "i32"],
      ["", "i32"],
    ],
    imports: [["input", 1]],
    functions: [{ type: 2, code: "unreachable" }],
    exports: [
      ["wit", "function", 1],
      ["other", "function", 2],
    ],
  },
);

test("the host sees memory and fuel as they are, and the guest what it makes of them", (context) => {
  const seen = [];
  const host = (name, args, guest) => {
    seen.push(name, ...args, guest.pages, guest.memory.length, guest.memory[200_000]);
    guest.memory[200_001] = 30;
    guest.charge(1_000);
    return 5;
  };
  const guest = start(context, HOSTED, { host });
  assert.equal(guest.call("wit"), 35);
  assert.deepEqual(seen, ["input", 200_000, -1, 4, 262_144, 7]);
  assert.equal(1_000_000n - guest.fuel, 2n + 64n + 24_576n + 14n + 1_000n);
});

test("the host may call the guest meanwhile, and end it", (context) => {
  const host = (name, args, guest) => guest.call("other");
  assert.equal(
    endOf(() => start(context, HOSTED, { host }).call("wit")),
    "unreachable",
  );
  const caught = (name, args, guest) => {
    assert.throws(() => guest.call("other"), Trap);
    guest.memory[200_001] = 1;
    guest.depth = 0;
    return 1;
  };
  assert.equal(start(context, HOSTED, { host: caught }).call("wit"), 2);
  const trouble = new Error("of the host");
  assert.throws(
    () =>
      start(context, HOSTED, {
        host: () => {
          throw trouble;
        },
      }).call("wit"),
    (error) => error === trouble,
  );
  const poor = start(context, HOSTED, { host: (name, args, guest) => guest.charge(975_349) });
  assert.deepEqual([endOf(() => poor.call("wit")), poor.fuel], ["fuel", -1n]);
});

test("a restored instance: pages, memory, globals", (context) => {
  const bytes = witOf("global.get 0 i32.const 100000 i32.load 2 0 i32.add", {
    memory: [1],
    data: [[0, "data"]],
    globals: [["i32", true, "i32.const 0"]],
  });
  const guest = start(context, bytes);
  assert.deepEqual([guest.memory.subarray(0, 4).toString(), guest.getGlobals()], ["100,97,116,97", [0n]]);
  guest.growTo(2);
  assert.deepEqual([guest.pages, guest.memory.length], [2, 131_072]);
  guest.memory[100_000] = 9;
  guest.setGlobals([0xfffffffbn]);
  assert.equal(guest.call("wit"), 4);
  assert.deepEqual([guest.getGlobals(), guest.fuel], [[0xfffffffbn], 999_994n]);
});

test("a guest that runs for ever lets others have their turn, and is ended", async (context) => {
  const forever = start(context, witOf("loop - br 0 end i32.const 0"), { fuel: 2n ** 62n });
  const calling = forever.calling("wit");
  for (let i = 0; i < 3; i += 1) assert.deepEqual(calling.next(), { value: { sleep: 1 }, done: false });
  assert.equal(start(context, witOf("i32.const 4")).call("wit"), 4); // next to it
  forever.close();
  forever.close();
  await sleep(1);
  assert.equal(start(context, witOf("i32.const 5")).call("wit"), 5);
});

test("a guest that makes one host call after the other lets others have their turn", (context) => {
  const asks = witOf("loop - i32.const 0 call 0 drop br 0 end i32.const 0", {
    types: [["i32", "i32"]],
    memory: [1, 1],
    imports: [["kind", 1]],
    exports: [["wit", "function", 1]],
  });
  const forever = start(context, asks, { fuel: 2n ** 62n, host: () => 0 });
  const calling = forever.calling("wit");
  const turns = [1, 2, 3, 4, 5].map(() => calling.next().value.sleep);
  assert.ok(turns.includes(0), "not only when nothing is heard of it");
});

test("memory that was given up is free again", () => {
  const touch = admit(
    witOf("i32.const 0 i32.const 1 i32.const 33554432 memory.fill i32.const 0", { memory: [512] }),
    "wit",
    1_024,
  );
  for (let i = 0; i < 24; i += 1) {
    const guest = new Guest(touch, () => 0);
    guest.fuel = 10_000_000n;
    assert.equal(guest.call("wit"), 0);
    guest.close();
  }
  assert.ok(process.memoryUsage().rss < 650_000_000); // 24 times 32 MiB are more
});

test("a process ends though a guest still runs", () => {
  const source = `
    import { admit } from "./src/wasm/admission.js";
    import { Guest } from "./src/wasm/guests.js";
    const guest = new Guest(admit(Buffer.from("${witOf("loop - br 0 end i32.const 0").toString("hex")}", "hex"), "wit", 1), () => 0);
    guest.fuel = 2n ** 62n;
    guest.calling("wit").next();
    console.log("on its way");`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: new URL("..", import.meta.url),
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.deepEqual([done.status, done.stdout], [0, "on its way\n"]);
});

test("frames that never fit", (context) => {
  const wide = { types: [["", i64s(16)]], functions: [{ type: 1, code: repeat(16, () => "i64.const 1") }] };
  const calls = (count) => start(context, witOf(`${repeat(count, () => "call 1")} i32.const 7 return`, wide));
  assert.deepEqual(
    [4_000, 4_200, 65_000].map((count) => endOf(() => calls(count).call("wit"))),
    [7, "stack-overflow", "stack-overflow"],
  );
});
