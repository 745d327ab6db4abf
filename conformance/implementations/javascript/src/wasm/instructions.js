// The instructions of the language: opcode, immediates, operands, cost and treatment. It is the table of the chapters on
// modules, fuel and the metered form (a test holds it against `instructions.json`), and the types that WebAssembly gives.
//
// An opcode is its byte; after the prefix fc it is 256 and the second number.

export const PREFIX = 0xfc;
const PREFIXED = 256;

/** Value types by their bytes; UNKNOWN stands on the operand stack of code that is never reached. */
export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const UNKNOWN = 0;

const TYPE_OF = { i32: I32, i64: I64, f32: F32, f64: F64 };

export const isValueType = (byte) => byte >= F64 && byte <= I32;

/** Forms of immediates. */
export const NONE = 0;
export const BLOCKTYPE = 1;
export const INDEX = 2; // label, function, local, global: unsigned, 32 bits
export const LABELS = 3;
export const INDIRECT = 4; // type table
export const TYPES = 5;
export const MEMARG = 6; // align offset
export const ZERO = 7;
export const ZERO_ZERO = 8;
export const DATA_ZERO = 9;
export const CONST_I32 = 10;
export const CONST_I64 = 11;
export const CONST_F32 = 12;
export const CONST_F64 = 13;

const FORM_OF = {
  "": NONE,
  blocktype: BLOCKTYPE,
  label: INDEX,
  function: INDEX,
  local: INDEX,
  global: INDEX,
  "labels label": LABELS,
  "type table": INDIRECT,
  types: TYPES,
  "align offset": MEMARG,
  zero: ZERO,
  "zero zero": ZERO_ZERO,
  "data zero": DATA_ZERO,
  i32: CONST_I32,
  i64: CONST_I64,
  f32: CONST_F32,
  f64: CONST_F64,
};

/** What comes after an instruction: more of its segment, a new segment, or dead code. */
export const GOES_ON = 0;
export const LIVE = 1;
export const DEAD = 2;

// Instructions whose operands depend on their context: opcode name immediates cost segment
const CONTROL = `
  00 unreachable - 1 dead      01 nop - 0 -                 02 block blocktype 0 -    03 loop blocktype 0 live
  04 if blocktype 1 live       05 else - 0 live             0b end - 0 live           0c br label 1 dead
  0d br_if label 1 live        0e br_table labels+label 1 dead                        0f return - 1 dead
  10 call function 4 -         11 call_indirect type+table 8 -                         1a drop - 1 -
  1b select - 1 -              1c select types 1 -          20 local.get local 1 -    21 local.set local 1 -
  22 local.tee local 1 -       23 global.get global 1 -     24 global.set global 1 -
`;

// Families of consecutive opcodes: opcode of the first, operands -> results, names.
const COMPARE = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const ARITHMETIC = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
const FLOAT_COMPARE = "eq ne lt gt le ge";
const FLOAT_ONE = "abs neg ceil floor trunc nearest sqrt";
const FLOAT_TWO = "add sub mul div min max copysign";
const named = (type, names) =>
  names
    .split(" ")
    .map((name) => `${type}.${name}`)
    .join(" ");

const FAMILIES = [
  [0x28, "i32 -> i32", "i32.load"],
  [0x29, "i32 -> i64", "i64.load"],
  [0x2a, "i32 -> f32", "f32.load"],
  [0x2b, "i32 -> f64", "f64.load"],
  [0x2c, "i32 -> i32", named("i32", "load8_s load8_u load16_s load16_u")],
  [0x30, "i32 -> i64", named("i64", "load8_s load8_u load16_s load16_u load32_s load32_u")],
  [0x36, "i32 i32 ->", "i32.store"],
  [0x37, "i32 i64 ->", "i64.store"],
  [0x38, "i32 f32 ->", "f32.store"],
  [0x39, "i32 f64 ->", "f64.store"],
  [0x3a, "i32 i32 ->", named("i32", "store8 store16")],
  [0x3c, "i32 i64 ->", named("i64", "store8 store16 store32")],
  [0x3f, "-> i32", "memory.size"],
  [0x40, "i32 -> i32", "memory.grow"],
  [0x41, "-> i32", "i32.const"],
  [0x42, "-> i64", "i64.const"],
  [0x43, "-> f32", "f32.const"],
  [0x44, "-> f64", "f64.const"],
  [0x45, "i32 -> i32", "i32.eqz"],
  [0x46, "i32 i32 -> i32", named("i32", COMPARE)],
  [0x50, "i64 -> i32", "i64.eqz"],
  [0x51, "i64 i64 -> i32", named("i64", COMPARE)],
  [0x5b, "f32 f32 -> i32", named("f32", FLOAT_COMPARE)],
  [0x61, "f64 f64 -> i32", named("f64", FLOAT_COMPARE)],
  [0x67, "i32 -> i32", named("i32", "clz ctz popcnt")],
  [0x6a, "i32 i32 -> i32", named("i32", ARITHMETIC)],
  [0x79, "i64 -> i64", named("i64", "clz ctz popcnt")],
  [0x7c, "i64 i64 -> i64", named("i64", ARITHMETIC)],
  [0x8b, "f32 -> f32", named("f32", FLOAT_ONE)],
  [0x92, "f32 f32 -> f32", named("f32", FLOAT_TWO)],
  [0x99, "f64 -> f64", named("f64", FLOAT_ONE)],
  [0xa0, "f64 f64 -> f64", named("f64", FLOAT_TWO)],
  [0xa7, "i64 -> i32", "i32.wrap_i64"],
  [0xa8, "f32 -> i32", named("i32", "trunc_f32_s trunc_f32_u")],
  [0xaa, "f64 -> i32", named("i32", "trunc_f64_s trunc_f64_u")],
  [0xac, "i32 -> i64", named("i64", "extend_i32_s extend_i32_u")],
  [0xae, "f32 -> i64", named("i64", "trunc_f32_s trunc_f32_u")],
  [0xb0, "f64 -> i64", named("i64", "trunc_f64_s trunc_f64_u")],
  [0xb2, "i32 -> f32", named("f32", "convert_i32_s convert_i32_u")],
  [0xb4, "i64 -> f32", named("f32", "convert_i64_s convert_i64_u")],
  [0xb6, "f64 -> f32", "f32.demote_f64"],
  [0xb7, "i32 -> f64", named("f64", "convert_i32_s convert_i32_u")],
  [0xb9, "i64 -> f64", named("f64", "convert_i64_s convert_i64_u")],
  [0xbb, "f32 -> f64", "f64.promote_f32"],
  [0xbc, "f32 -> i32", "i32.reinterpret_f32"],
  [0xbd, "f64 -> i64", "i64.reinterpret_f64"],
  [0xbe, "i32 -> f32", "f32.reinterpret_i32"],
  [0xbf, "i64 -> f64", "f64.reinterpret_i64"],
  [0xc0, "i32 -> i32", named("i32", "extend8_s extend16_s")],
  [0xc2, "i64 -> i64", named("i64", "extend8_s extend16_s extend32_s")],
  [PREFIXED + 0, "f32 -> i32", named("i32", "trunc_sat_f32_s trunc_sat_f32_u")],
  [PREFIXED + 2, "f64 -> i32", named("i32", "trunc_sat_f64_s trunc_sat_f64_u")],
  [PREFIXED + 4, "f32 -> i64", named("i64", "trunc_sat_f32_s trunc_sat_f32_u")],
  [PREFIXED + 6, "f64 -> i64", named("i64", "trunc_sat_f64_s trunc_sat_f64_u")],
  [PREFIXED + 8, "i32 i32 i32 ->", "memory.init"],
  [PREFIXED + 10, "i32 i32 i32 ->", "memory.copy memory.fill"],
];

const SIZES = { "memory.grow": "left", "memory.init": "right", "memory.copy": "right", "memory.fill": "right" };
const NAN_RESULTS = /^f..\.(add|sub|mul|div|sqrt|min|max|ceil|floor|trunc|nearest|demote_f64|promote_f32)$/;

function immediatesOf(name) {
  if (/\.(load|store)/.test(name)) return "align offset";
  if (name.endsWith(".const")) return name.slice(0, 3);
  return (
    {
      "memory.size": "zero",
      "memory.grow": "zero",
      "memory.fill": "zero",
      "memory.copy": "zero zero",
      "memory.init": "data zero",
    }[name] ?? ""
  );
}

function costOf(name) {
  if (SIZES[name] !== undefined) return 64;
  return /\.(div|rem)_[su]$|^f..\.(div|sqrt)$/.test(name) ? 8 : 1;
}

const typesIn = (text) =>
  text
    .trim()
    .split(" ")
    .filter(Boolean)
    .map((name) => TYPE_OF[name]);

function* simple() {
  for (const [first, type, names] of FAMILIES) {
    const [operands, results] = type.split("->").map(typesIn);
    for (const [i, name] of names.split(" ").entries()) {
      const nan = NAN_RESULTS.test(name) ? name.slice(0, 3) : null;
      const more = { segment: GOES_ON, operands, results, nan, size: SIZES[name] ?? null };
      yield { code: first + i, name, immediates: immediatesOf(name), cost: costOf(name), ...more };
    }
  }
}

function* control() {
  for (const [, code, name, immediates, cost, segment] of CONTROL.matchAll(/(\w\w) (\S+) (\S+) (\d) (\S+)/g)) {
    const after = { "-": GOES_ON, live: LIVE, dead: DEAD }[segment];
    const more = { segment: after, operands: null, results: null, nan: null, size: null };
    yield {
      code: parseInt(code, 16),
      name,
      immediates: immediates.replace("-", "").replace("+", " "),
      cost: Number(cost),
      ...more,
    };
  }
}

/**
 * All instructions: {code, name, immediates: words, cost, segment, operands and results: types or null for control,
 * nan: "f32", "f64" or null, size: the shift of what an instruction with a size charges, or null}.
 */
export const INSTRUCTIONS = Object.freeze([...control(), ...simple()]);

const column = (of, missing) => {
  const values = new Array(PREFIXED + 16).fill(missing);
  for (const instruction of INSTRUCTIONS) values[instruction.code] = of(instruction);
  return values;
};

/** By opcode: the form of the immediates, or -1 for what is no instruction. */
export const FORM = Int8Array.from(column(({ immediates }) => FORM_OF[immediates], -1));
export const COST = Uint8Array.from(column(({ cost }) => cost, 0));
export const SEGMENT = Uint8Array.from(column(({ segment }) => segment, 0));
export const OPERANDS = column(({ operands }) => operands, null);
export const RESULTS = column(({ results }) => results, null);
/** The type of the local that a NaN or a size goes through; 0 for none. */
export const NAN = Uint8Array.from(column(({ nan }) => (nan === null ? 0 : TYPE_OF[nan]), 0));
export const SIZE = Uint8Array.from(column(({ size }) => (size === null ? 0 : { left: 1, right: 2 }[size]), 0));
/** Of a load or store: the largest alignment, as the exponent of 2. */
export const ALIGN = Uint8Array.from(column(({ name }) => naturalAlignment(name), 0));

function naturalAlignment(name) {
  const [, type, bits] = /^[if](\d\d)\.(?:load|store)(\d*)/.exec(name) ?? [];
  return type === undefined ? 0 : Math.log2(Number(bits || type) / 8);
}

/** The opcode behind the prefix, or -1. */
export const prefixed = (number) => (number <= 11 && FORM[PREFIXED + number] >= 0 ? PREFIXED + number : -1);
