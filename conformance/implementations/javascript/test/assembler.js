// Modules for tests, from flat text: instructions as in `instructions.json` with their immediates behind them, all
// immediates written out: `block i32`, `if -` (no type), `if 3` (a type), `i32.load 2 0`, `br_table 0 1 2`, `memory.fill`.

import { I32, I64, F32, F64, INSTRUCTIONS } from "../src/wasm/instructions.js";
import { Writer } from "../src/wasm/writer.js";

const TYPES = { i32: I32, i64: I64, f32: F32, f64: F64 };
const BY_NAME = new Map(INSTRUCTIONS.map((instruction) => [instruction.name, instruction]).reverse());
BY_NAME.set(
  "select_typed",
  INSTRUCTIONS.find(({ code }) => code === 0x1c),
);

export const types = (text) =>
  text
    .split(" ")
    .filter(Boolean)
    .map((name) => TYPES[name]);

export function uleb(value) {
  const out = new Writer(16);
  out.uleb(value);
  return [...out.written];
}

export function sleb(value) {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const byte = Number(rest & 0x7fn);
    if (rest >> 6n === 0n || rest >> 6n === -1n) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

function float(bits, text) {
  const buffer = Buffer.alloc(bits / 8);
  const [, sign, payload] = /^(-?)nan(?::(0x[0-9a-f]+))?$/.exec(text) ?? [];
  if (sign === undefined) buffer[bits === 32 ? "writeFloatLE" : "writeDoubleLE"](Number(text));
  else {
    const quiet = bits === 32 ? 0x400000n : 0x8000000000000n;
    const exponent = bits === 32 ? 0x7f800000n : 0x7ff0000000000000n;
    const value = (sign ? 1n << BigInt(bits - 1) : 0n) | exponent | (payload ? BigInt(payload) : quiet);
    buffer[bits === 32 ? "writeUInt32LE" : "writeBigUInt64LE"](bits === 32 ? Number(value) : value);
  }
  return [...buffer];
}

const blocktype = (text) => {
  if (text === "-") return [0x40];
  return TYPES[text] === undefined ? sleb(text) : [TYPES[text]];
};

const WRITE = {
  blocktype: (next) => blocktype(next()),
  i32: (next) => sleb(BigInt.asIntN(32, BigInt(next()))),
  i64: (next) => sleb(BigInt.asIntN(64, BigInt(next()))),
  f32: (next) => float(32, next()),
  f64: (next) => float(64, next()),
  zero: () => [0],
  table: () => [0],
  types: (next) => [1, TYPES[next()]],
  labels(next, peek) {
    const labels = [];
    while (/^\d+$/.test(peek(1) ?? "")) labels.push(next()); // all but the last
    return [...uleb(labels.length), ...labels.flatMap((label) => uleb(Number(label)))];
  },
};

/** The bytes of instructions. */
export function code(text) {
  const words = text.trim().split(/\s+/).filter(Boolean);
  const bytes = [];
  for (let i = 0; i < words.length; ) {
    const instruction = BY_NAME.get(words[i++]);
    if (instruction === undefined) throw new Error(`no instruction ${words[i - 1]}`);
    bytes.push(...(instruction.code > 255 ? [0xfc, ...uleb(instruction.code - 256)] : [instruction.code]));
    const next = () => words[i++];
    const peek = (ahead) => words[i + ahead];
    for (const immediate of instruction.immediates.split(" ").filter(Boolean)) {
      bytes.push(...(WRITE[immediate]?.(next, peek) ?? uleb(Number(next()))));
    }
  }
  return bytes;
}

export const vector = (items) => [...uleb(items.length), ...items.flat()];
export const text = (name) => vector([...Buffer.from(name)]);
export const functionType = ([params, results]) => [0x60, ...vector(types(params)), ...vector(types(results))];
export const body = (locals, instructions) =>
  vector([...vector(locals.map(([count, type]) => [...uleb(count), TYPES[type]])), ...code(instructions), 0x0b]);

const limits = ([minimum, maximum]) =>
  maximum === undefined ? [0, ...uleb(minimum)] : [1, ...uleb(minimum), ...uleb(maximum)];
const section = (id, bytes) => (bytes === null ? [] : [id, ...uleb(bytes.length), ...bytes]);
const filled = (items, write = (item) => item) =>
  items === undefined || items.length === 0 ? null : vector(items.map(write));

export const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
export const sections = (...pairs) => Buffer.from([...HEADER, ...pairs.flatMap(([id, bytes]) => section(id, bytes))]);

const KINDS = { function: 0, table: 1, memory: 2, global: 3 };

/**
 * A module: {types: [[params, results]], imports: [[name, type]], functions: [{type, locals, code}], table, memory:
 * [minimum, maximum], globals: [[type, isMutable, code]], exports: [[name, kind, index]], elements: [[offset,
 * functions]], data: [[offset, text]], passive: [text]}.
 */
export function assemble(parts) {
  const data = [
    ...(parts.data ?? []).map(([offset, content]) => [0, ...code(`i32.const ${offset} end`), ...text(content)]),
    ...(parts.passive ?? []).map((content) => [1, ...text(content)]),
  ];
  return sections(
    [1, filled(parts.types, functionType)],
    [2, filled(parts.imports, ([name, type]) => [...text("grit"), ...text(name), 0, ...uleb(type)])],
    [3, filled(parts.functions, ({ type = 0 }) => uleb(type))],
    [4, parts.table === undefined ? null : [1, 0x70, ...limits(parts.table)]],
    [5, parts.memory === undefined ? null : [1, ...limits(parts.memory)]],
    [6, filled(parts.globals, ([type, isMutable, init]) => [TYPES[type], isMutable ? 1 : 0, ...code(`${init} end`)])],
    [
      7,
      filled(parts.exports ?? [["wit", "function", 0]], ([name, kind, index]) => [
        ...text(name),
        KINDS[kind],
        ...uleb(index),
      ]),
    ],
    [
      9,
      filled(parts.elements, ([offset, functions]) => [
        0,
        ...code(`i32.const ${offset} end`),
        ...vector(functions.map(uleb)),
      ]),
    ],
    [12, parts.passive === undefined ? null : uleb(data.length)],
    [10, filled(parts.functions, ({ locals = [], code: instructions }) => body(locals, instructions))],
    [11, filled(data)],
  );
}

/** A module whose function 0, () -> i32, is `wit`. */
export const witOf = (instructions, more = {}) => {
  const { types: others = [], functions = [], locals = [], ...rest } = more;
  return assemble({
    types: [["", "i32"], ...others],
    functions: [{ type: 0, locals, code: instructions }, ...functions],
    ...rest,
  });
};
