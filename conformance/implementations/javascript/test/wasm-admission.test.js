import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import test from "node:test";
import { admit } from "../src/wasm/admission.js";
import { INSTRUCTIONS } from "../src/wasm/instructions.js";
import { MODULE_LIMITS } from "../src/wasm/limits.js";
import { Modules } from "../src/wasm/modules.js";
import { Unadmitted } from "../src/wasm/unadmitted.js";
import { HEADER, assemble, body, code, sections, sleb, text, uleb, vector, witOf } from "./assembler.js";
import { chapter } from "./objects.js";

const spec = (name) =>
  JSON.parse(fs.readFileSync(new URL(`../../../../spec/wasm/${name}.json`, import.meta.url), "utf8"));

/** The code that a module is refused with, or "none"; what is admitted is valid for the engine too. */
function verdict(bytes, entry = "wit", pages = 16) {
  try {
    const { metered } = admit(bytes, entry, pages);
    assert.ok(WebAssembly.validate(bytes) && WebAssembly.validate(metered));
    return "none";
  } catch (error) {
    if (error instanceof Unadmitted) return error.code;
    throw error;
  }
}

const ZERO = "i32.const 0";
const repeat = (count, item) => Array.from({ length: count }, (_, i) => (typeof item === "function" ? item(i) : item));
const types = (count) => repeat(count, "i32").join(" ");

test("the table of instructions is that of the specification", () => {
  const spell = ({ code: number, name, immediates, cost, segment, size, nan }) => ({
    code: number > 255 ? `fc${(number - 256).toString(16).padStart(2, "0")}` : number.toString(16).padStart(2, "0"),
    name,
    immediates: immediates.split(" ").filter(Boolean),
    cost,
    ...(segment === 0 ? {} : { segment: ["", "live", "dead"][segment] }),
    ...(size === null ? {} : { size: { shift: size, bits: { left: 13, right: 3 }[size] } }),
    ...(nan === null ? {} : { nan }),
  });
  const byCode = (some, other) => (some.code < other.code ? -1 : 1);
  assert.deepEqual(INSTRUCTIONS.map(spell).sort(byCode), spec("instructions").instructions.sort(byCode));
});

test("the limits are those of the specification", () => {
  const { note, memory_pages, call, manifest, floors, ...limits } = spec("limits");
  assert.deepEqual({ ...MODULE_LIMITS }, limits);
});

test("the metered form of the example", () => {
  const example = chapter("wasm/metering").split("An example")[1].split("It has 118 bytes and the SHA-256 ");
  const rows = example[0].split("0061736d01000000")[1].split("\n").slice(1);
  const column = (from, to) =>
    rows
      .map((row) => row.slice(from, to))
      .join("")
      .replace(/\s/g, "");
  const [module, metered] = [column(3, 70), column(70)].map((digits) =>
    Buffer.from(`0061736d01000000${digits}`, "hex"),
  );
  assert.deepEqual(Buffer.from(admit(module, "wit", 0).metered), metered);
  assert.equal(createHash("sha256").update(metered).digest("hex"), example[1].slice(0, 64));
});

/** At a limit and one over it: name -> (number) => module. */
const AT_LIMITS = {
  types: (n) => witOf(ZERO, { types: repeat(n - 1, ["", ""]) }),
  parameters: (n) => witOf(ZERO, { types: [[types(n), ""]] }),
  results: (n) => witOf(ZERO, { types: [["", types(n)]] }),
  functions: (n) => witOf(ZERO, { functions: repeat(n - 1, { type: 0, code: ZERO }) }),
  body_bytes: (n) => witOf(`${"nop ".repeat(n - 4)} ${ZERO}`),
  locals: (n) =>
    witOf(ZERO, {
      locals: [
        [n - 1, "i64"],
        [0, "f32"],
        [1, "f64"],
      ],
    }),
  nesting: (n) => witOf(`unreachable ${"block - ".repeat(n)} ${"end ".repeat(n)}`),
  br_table_labels: (n) => witOf(`block - ${ZERO} br_table ${"0 ".repeat(n)} 0 end ${ZERO}`),
  imports: (n) => witOf(ZERO, { imports: repeat(n, ["attempt", 0]), exports: [["wit", "function", n]] }),
  exports: (n) => witOf(ZERO, { exports: [["wit", "function", 0], ...repeat(n - 1, (i) => [`e${i}`, "function", 0])] }),
  name_bytes: (n) =>
    witOf(ZERO, {
      exports: [
        ["wit", "function", 0],
        ["x".repeat(n), "function", 0],
      ],
    }),
  globals: (n) => witOf(ZERO, { globals: repeat(n, ["i32", false, ZERO]) }),
  table_elements: (n) => witOf(ZERO, { table: [n] }),
  data_segments: (n) => witOf(ZERO, { memory: [0], data: repeat(n, [0, ""]) }),
  element_segments: (n) => witOf(ZERO, { table: [0], elements: repeat(n, [0, []]) }),
};

for (const [name, of] of Object.entries(AT_LIMITS)) {
  test(`the limit of ${name} is exact`, () => {
    const most = MODULE_LIMITS[name];
    assert.deepEqual([verdict(of(most)), verdict(of(most + 1))], ["none", "limit"]);
  });
}

test("the limits of pages and of the module are exact", () => {
  const memory = (...limits) => witOf(ZERO, { memory: limits });
  assert.deepEqual(
    [16, 17].map((pages) => verdict(memory(pages))),
    ["none", "limit"],
  );
  assert.deepEqual(
    [verdict(memory(0, 65_536)), verdict(memory(0, 65_537)), verdict(memory(2, 1))],
    ["none", "module", "module"],
  );
  assert.deepEqual(
    [verdict(witOf(ZERO), "wit", 0), verdict(memory(0), "wit", 0), verdict(memory(1), "wit", 0)],
    ["none", "none", "limit"],
  );
  const long = (length) => {
    const module = witOf(ZERO);
    const name = length - module.length - 9;
    return Buffer.concat([module, Buffer.from([0, ...uleb(name + 4), ...uleb(name)]), Buffer.alloc(name, "x")]);
  };
  const [at, over] = [0, 1].map((more) => long(MODULE_LIMITS.module_bytes + more));
  assert.equal(at.length, MODULE_LIMITS.module_bytes);
  assert.deepEqual(
    [verdict(at), verdict(over), verdict(Buffer.alloc(MODULE_LIMITS.module_bytes + 1))],
    ["none", "limit", "limit"],
  );
});

const raw = (...bytes) => bytes.flat();
const TYPE = [1, [1, 0x60, 0, 1, 0x7f]];
const FUNCTION = [3, [1, 0]];
const EXPORT = [7, vector([[...text("wit"), 0, 0]])];
const bodyOf = (bytes) => [10, vector([vector([0, ...bytes])])];
const CODE = bodyOf([0x41, 0, 0x0b]);
const inBody = (...bytes) => sections(TYPE, FUNCTION, [5, [1, 0, 1]], EXPORT, bodyOf([...bytes, 0x41, 0, 0x0b]));
const LONG_ZERO = [0x80, 0x80, 0x80, 0x80, 0x00];

/** Modules byte by byte: what they are, the verdict. */
const SPELLINGS = [
  ["plain", sections(TYPE, FUNCTION, EXPORT, CODE), "none"],
  ["nothing", Buffer.from([]), "module"],
  ["no sections", Buffer.from(HEADER), "export"],
  ["another version", Buffer.from([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]), "module"],
  ["a component", Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), "module"],
  ["longer numbers", sections([1, raw(0x81, 0, 0x60, LONG_ZERO, 1, 0x7f)], FUNCTION, EXPORT, CODE), "none"],
  [
    "a number too long",
    sections([1, raw(1, 0x60, [0x80, 0x80, 0x80, 0x80, 0x80, 0], 1, 0x7f)], FUNCTION, EXPORT, CODE),
    "module",
  ],
  [
    "a number too large",
    sections([1, raw(1, 0x60, [0x80, 0x80, 0x80, 0x80, 0x10], 1, 0x7f)], FUNCTION, EXPORT, CODE),
    "module",
  ],
  ["a byte left over", sections([1, [...TYPE[1], 0]], FUNCTION, EXPORT, CODE), "module"],
  ["a section twice", sections(TYPE, TYPE, FUNCTION, EXPORT, CODE), "module"],
  ["out of order", sections(FUNCTION, TYPE, EXPORT, CODE), "module"],
  ["the data count before the code", sections(TYPE, FUNCTION, EXPORT, [12, [0]], CODE), "none"],
  ["the data count behind it", sections(TYPE, FUNCTION, EXPORT, CODE, [12, [0]]), "module"],
  ["another data count", sections(TYPE, FUNCTION, EXPORT, [12, [1]], CODE), "module"],
  ["a section of tags", sections(TYPE, FUNCTION, [13, [0]], EXPORT, CODE), "module"],
  [
    "empty vectors",
    sections(TYPE, [2, [0]], FUNCTION, [4, [0]], [5, [0]], [6, [0]], EXPORT, [9, [0]], CODE, [11, [0]]),
    "none",
  ],
  ["a start section", sections(TYPE, FUNCTION, EXPORT, [8, [0]], CODE), "module"],
  [
    "custom sections",
    sections([0, text("a")], TYPE, [0, [...text("\u00e9"), 1, 2]], FUNCTION, EXPORT, CODE, [0, text("")]),
    "none",
  ],
  ["a custom section without name", sections(TYPE, FUNCTION, EXPORT, CODE, [0, []]), "module"],
  ["a custom name that is no UTF-8", sections(TYPE, FUNCTION, EXPORT, CODE, [0, [1, 0xff]]), "module"],
  ["a surrogate", sections(TYPE, FUNCTION, EXPORT, CODE, [0, [3, 0xed, 0xa0, 0x80]]), "module"],
  ["no body", sections(TYPE, FUNCTION, EXPORT), "module"],
  ["no function", sections(TYPE, CODE), "module"],
  [
    "an exported name twice",
    sections(TYPE, FUNCTION, [7, vector([EXPORT[1].slice(1), EXPORT[1].slice(1)])], CODE),
    "module",
  ],
  ["a reference", sections([1, [1, 0x60, 1, 0x70, 0]], FUNCTION, EXPORT, CODE), "module"],
  ["a vector", sections([1, [1, 0x60, 1, 0x7b, 0]], FUNCTION, EXPORT, CODE), "module"],
  ["two memories", sections(TYPE, FUNCTION, [5, [2, 0, 1, 0, 1]], EXPORT, CODE), "module"],
  ["a shared memory", sections(TYPE, FUNCTION, [5, [1, 3, 1, 1]], EXPORT, CODE), "module"],
  ["a 64-bit memory", sections(TYPE, FUNCTION, [5, [1, 4, 1]], EXPORT, CODE), "module"],
  ["a table of externref", sections(TYPE, FUNCTION, [4, [1, 0x6f, 0, 1]], EXPORT, CODE), "module"],
  [
    "more locals than there can be",
    sections(TYPE, FUNCTION, EXPORT, [
      10,
      vector([vector([2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 1, 0x7f, 0x41, 0, 0x0b])]),
    ]),
    "module",
  ],
  [
    "many locals",
    sections(TYPE, FUNCTION, EXPORT, [10, vector([vector([1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x41, 0, 0x0b])])]),
    "limit",
  ],
  ["bytes behind a body", sections(TYPE, FUNCTION, EXPORT, bodyOf([0x41, 0, 0x0b, 0x01])), "module"],
  ["a body without end", sections(TYPE, FUNCTION, EXPORT, bodyOf([0x41, 0])), "module"],
  ["else without if", inBody(0x02, 0x40, 0x05, 0x0b), "module"],
  ["else twice", inBody(0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0b), "module"],
  ["a long memory index", inBody(0x3f, 0x80, 0x00, 0x1a), "module"],
  ["memory.size", inBody(0x3f, 0x00, 0x1a), "none"],
  ["a long prefixed number", inBody(0x43, 0, 0, 0, 0, 0xfc, 0x80, 0x00, 0x1a), "none"],
  ["data.drop", inBody(0xfc, 9, 0), "module"],
  ["table.size", inBody(0xfc, 16, 0, 0x1a), "module"],
  ["ref.null", inBody(0xd0, 0x70, 0x1a), "module"],
  ["an atomic fence in dead code", inBody(0x00, 0xfe, 0x03, 0x00), "module"],
  ["SIMD in dead code", inBody(0x00, 0xfd, 0x0c, ...repeat(16, 0)), "module"],
  ["a tail call", inBody(0x12, 0x00), "module"],
  ["memory.init without a data count", inBody(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0), "module"],
  ["an alignment beyond the natural one", inBody(0x41, 0, 0x28, 3, 0, 0x1a), "module"],
  ["a far alignment", inBody(0x41, 0, 0x28, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0x1a), "module"],
  ["i32.const of 33 bits", inBody(0x41, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a), "module"],
  ["i32.const in five bytes", inBody(0x41, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x1a), "none"],
  ["i64.const in ten bytes", inBody(0x42, ...repeat(9, 0xff), 0x7f, 0x1a), "none"],
  ["i64.const of 65 bits", inBody(0x42, ...repeat(9, 0xff), 0x01, 0x1a), "module"],
  ["a type index in five bytes", inBody(0x02, ...LONG_ZERO, 0x41, 0, 0x0b, 0x1a), "none"],
  ["a negative type index", inBody(0x02, 0xc0, 0x7f, 0x0b), "module"],
  ["select of two types", inBody(0x41, 0, 0x41, 0, 0x41, 0, 0x1c, 2, 0x7f, 0x7f, 0x1a), "module"],
  ["select of no type", inBody(0x00, 0x1c, 0), "module"],
];

for (const [name, bytes, wanted] of SPELLINGS) test(`${name}: ${wanted}`, () => assert.equal(verdict(bytes), wanted));

const memory = { memory: [1] };
const table = { table: [1] };
const element = (bytes) => sections(TYPE, FUNCTION, [4, [1, 0x70, 0, 1]], EXPORT, [9, [1, ...bytes]], CODE);
const data = (bytes) => sections(TYPE, FUNCTION, [5, [1, 0, 1]], EXPORT, CODE, [11, [1, ...bytes]]);
const at = (offset) => [0x41, ...sleb(offset), 0x0b];

const STATES = [
  ["a mutable float", witOf(ZERO, { globals: [["f32", true, "f32.const 0"]] }), "module"],
  ["an immutable float", witOf(ZERO, { globals: [["f64", false, "f64.const nan:0x1"]] }), "none"],
  ["an initialiser of another type", witOf(ZERO, { globals: [["i64", false, ZERO]] }), "module"],
  [
    "an initialiser by a global",
    witOf(ZERO, {
      globals: [
        ["i32", false, ZERO],
        ["i32", false, "global.get 0"],
      ],
    }),
    "module",
  ],
  ["an initialiser that adds", witOf(ZERO, { globals: [["i32", false, `${ZERO} ${ZERO} i32.add`]] }), "module"],
  ["an initialiser with nop", witOf(ZERO, { globals: [["i32", false, `nop ${ZERO}`]] }), "module"],
  [
    "data at the end",
    witOf(ZERO, {
      ...memory,
      data: [
        [65_536, ""],
        [65_535, "x"],
      ],
    }),
    "none",
  ],
  ["data beyond the end", witOf(ZERO, { ...memory, data: [[65_537, ""]] }), "module"],
  ["data over the end", witOf(ZERO, { ...memory, data: [[65_535, "xx"]] }), "module"],
  ["data far beyond", witOf(ZERO, { ...memory, data: [[-1, "xx"]] }), "module"],
  ["data without memory", witOf(ZERO, { data: [[0, ""]] }), "module"],
  ["data of memory 0", data([2, 0, ...at(0), 0]), "none"],
  ["data of memory 1", data([2, 1, ...at(0), 0]), "module"],
  ["passive data", data([1, 1, 0]), "none"],
  ["data of another kind", data([3, 0]), "module"],
  [
    "elements at the end",
    witOf(ZERO, {
      ...table,
      elements: [
        [0, [0]],
        [1, []],
      ],
    }),
    "none",
  ],
  ["elements over the end", witOf(ZERO, { ...table, elements: [[1, [0]]] }), "module"],
  ["elements without table", witOf(ZERO, { elements: [[0, []]] }), "module"],
  ["an element that is no function", witOf(ZERO, { ...table, elements: [[0, [1]]] }), "module"],
  ["elements with a kind", element([2, 0, ...at(0), 0, 1, 0]), "none"],
  ["elements with another kind", element([2, 0, ...at(0), 1, 1, 0]), "module"],
  ["elements of table 1", element([2, 1, ...at(0), 0, 0]), "module"],
  ["passive elements", element([1, 0, 0]), "module"],
  ["declared elements", element([3, 0, 0]), "module"],
  ["elements by expressions", element([4, ...at(0), 0]), "module"],
  ["elements by references", element([4, ...at(0), 1, 0xd2, 0, 0x0b]), "module"],
  ["elements of a ninth kind", element([8, ...at(0), 0]), "module"],
];

for (const [name, bytes, wanted] of STATES) test(`${name}: ${wanted}`, () => assert.equal(verdict(bytes), wanted));

const imported = (module, name, description) =>
  sections(
    TYPE,
    [2, [1, ...text(module), ...text(name), ...description]],
    FUNCTION,
    [7, vector([[...text("wit"), 0, 1]])],
    CODE,
  );
const others = (description) =>
  sections(TYPE, [2, [1, ...text("grit"), ...text("x"), ...description]], FUNCTION, EXPORT, CODE);

const IMPORTS = [
  ["attempt", imported("grit", "attempt", [0, 0]), "none"],
  ["of another module", imported("env", "attempt", [0, 0]), "import"],
  ["of no name", imported("grit", "attempts", [0, 0]), "import"],
  ["a name of every object", imported("grit", "constructor", [0, 0]), "import"],
  ["another type", imported("grit", "clock", [0, 0]), "import"],
  ["no type", imported("grit", "attempt", [0, 1]), "module"],
  ["a memory", others([2, 0, 1]), "import"],
  ["a memory that is too large", others([2, 0, 17]), "limit"],
  ["a table", others([1, 0x70, 0, 1]), "import"],
  ["a global", others([3, 0x7f, 0]), "import"],
  ["a tag", others([4, 0, 0]), "module"],
  ["a mutable float", others([3, 0x7c, 1]), "import"],
];

for (const [name, bytes, wanted] of IMPORTS)
  test(`an import: ${name}: ${wanted}`, () => assert.equal(verdict(bytes), wanted));

const WINDING = [
  ["", "i32"],
  ["i32", ""],
  ["", ""],
];
const waiting = (change = (exports) => exports) =>
  assemble({
    types: WINDING,
    imports: [["wait", 0]],
    functions: [
      { type: 0, code: ZERO },
      { type: 1, code: "" },
      { type: 2, code: "" },
    ],
    globals: [
      ["i32", false, "i32.const 8"],
      ["i32", true, ZERO],
    ],
    exports: change([
      ["wit", "function", 1],
      ["asyncify_start_unwind", "function", 2],
      ["asyncify_stop_unwind", "function", 3],
      ["asyncify_start_rewind", "function", 2],
      ["asyncify_stop_rewind", "function", 3],
      ["asyncify_get_state", "function", 1],
      ["grit_wait_area", "global", 0],
    ]),
  });
const exporting = (...exports) =>
  witOf(ZERO, {
    types: [
      ["", ""],
      ["i32", "i32"],
    ],
    functions: [
      { type: 1, code: "" },
      { type: 2, code: ZERO },
    ],
    exports,
  });

const EXPORTS = [
  ["another entry", exporting(["wit_query", "function", 0]), "export"],
  ["an entry of another type", exporting(["wit", "function", 2]), "export"],
  ["an entry that is no function", witOf(ZERO, { ...memory, exports: [["wit", "memory", 0]] }), "export"],
  ["an entry that is imported", witOf(ZERO, { imports: [["attempt", 0]] }), "export"],
  ["_initialize", exporting(["wit", "function", 0], ["_initialize", "function", 1]), "none"],
  ["_initialize of another type", exporting(["wit", "function", 0], ["_initialize", "function", 0]), "export"],
  ["a name of the host", exporting(["wit", "function", 0], ["grit:", "function", 0]), "export"],
  ["a name like it", exporting(["wit", "function", 0], ["grit", "function", 0], [" grit:", "function", 0]), "none"],
  ["wait", waiting(), "none"],
  ...repeat(7, (i) => [
    `wait without export ${i}`,
    waiting((exports) => exports.toSpliced?.(i, 1) ?? exports.filter((_, j) => j !== i)),
    "export",
  ]),
  ["a mutable wait area", waiting((exports) => [...exports.slice(0, 6), ["grit_wait_area", "global", 1]]), "export"],
];

for (const [name, bytes, wanted] of EXPORTS)
  test(`exports: ${name}: ${wanted}`, () => assert.equal(verdict(bytes), wanted));

test("the first defect decides", () => {
  const limit = { types: repeat(4096, ["", ""]) };
  const invalid = { globals: [["f32", true, "f32.const 0"]] };
  const imports = { imports: [["x", 0]] };
  const exports = { exports: [] };
  assert.equal(
    verdict(Buffer.concat([witOf(ZERO, { ...limit, ...imports, ...exports }), Buffer.from([99])])),
    "module",
  );
  assert.equal(verdict(witOf(ZERO, { ...limit, ...invalid, ...imports, ...exports })), "limit");
  assert.equal(verdict(witOf(ZERO, { ...invalid, ...imports, ...exports })), "module");
  assert.equal(verdict(witOf(ZERO, { ...imports, ...exports })), "import");
  assert.equal(verdict(witOf(ZERO, exports)), "export");
  assert.equal(verdict(witOf("i32.add", limit)), "limit");
});

test("modules are kept for their id, pages and entry", () => {
  let loads = 0;
  const modules = new Modules(600);
  const load = (bytes) => () => {
    loads += 1;
    return bytes;
  };
  const good = load(witOf(ZERO));
  assert.equal(modules.admit("a", good, "wit", 1), modules.admit("a", good, "wit", 1));
  assert.throws(() => modules.admit("a", good, "wit_query", 1), { code: "export" });
  assert.equal(loads, 1);
  modules.admit("a", good, "wit", 2);
  for (let i = 0; i < 2; i += 1)
    assert.throws(() => modules.admit("b", load(Buffer.from("x")), "wit", 2), { code: "module" });
  assert.equal(loads, 3);
  modules.admit("c", good, "wit", 2);
  modules.admit("a", good, "wit", 1);
  assert.equal(loads, 5); // it was forgotten
});

/** Numbers that look random and are the same each time. */
function* numbers(seed) {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

test("changed modules are refused or valid, and nothing else", () => {
  const random = numbers(7);
  const next = (below) => random.next().value % below;
  const modules = [...STATES, ...IMPORTS, ...EXPORTS].map(([, bytes]) => bytes);
  const seen = new Set();
  for (let i = 0; i < 5_000; i += 1) {
    const bytes = Buffer.from(modules[i % modules.length]);
    for (let changes = 1 + next(3); changes > 0; changes -= 1)
      bytes[next(bytes.length)] = next(2) ? next(256) : next(16);
    seen.add(verdict(bytes.subarray(0, next(8) ? bytes.length : next(bytes.length))));
  }
  assert.deepEqual([...seen].sort(), ["export", "import", "limit", "module", "none"]);
});

test("what is stated and not there takes no memory", () => {
  const many = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const before = process.memoryUsage().rss;
  for (let id = 1; id <= 12; id += 1) {
    for (const start of [many, [1, ...many], [1, 0x60, ...many], [1, 0, ...many], [1, 5, ...many]]) {
      assert.notEqual(verdict(sections([id, start])), "none");
    }
  }
  assert.ok(process.memoryUsage().rss - before < 67_108_864);
  assert.equal(
    verdict(sections(TYPE, FUNCTION, EXPORT, [10, vector([body([[1, "i32"]], "unreachable").concat(code("nop"))])])),
    "module",
  );
});
