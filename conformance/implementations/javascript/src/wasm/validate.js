// Validation of a decoded module: WebAssembly's conditions, and those that leave memory and globals as its only state.

import { validateBody } from "./bodies.js";
import { FUNCTION, GLOBAL, MEMORY, TABLE } from "./binary.js";
import { F32, F64, I32, I64 } from "./instructions.js";
import { PAGE_BYTES } from "./limits.js";
import { Reader } from "./reader.js";
import { unadmitted } from "./unadmitted.js";

const MOST_PAGES = 65_536;
const END = 0x0b;
const CONSTANT = new Map([
  [0x41, I32],
  [0x42, I64],
  [0x43, F32],
  [0x44, F64],
]);

const demand = (condition, what) => {
  if (!condition) throw unadmitted("module", what);
};

/** The index spaces: what is imported, then what is defined. */
function spacesOf(parts) {
  const imported = (kind) => parts.imports.filter((each) => each.kind === kind);
  const typeOf = (index) => parts.types[index] ?? demand(false, "a function of no type");
  return {
    types: parts.types,
    functions: [...imported(FUNCTION).map((each) => typeOf(each.type)), ...parts.functions.map(typeOf)],
    tables: [...imported(TABLE).map((each) => each.table), ...parts.tables],
    memories: [...imported(MEMORY).map((each) => each.memory), ...parts.memories],
    globals: [...imported(GLOBAL).map((each) => each.global), ...parts.globals],
    dataCount: parts.dataCount,
  };
}

const isInOrder = ({ minimum, maximum }) => maximum === null || minimum <= maximum;

function checkTypes({ tables, memories }) {
  demand(tables.length <= 1 && memories.length <= 1, "more than one table or memory");
  demand([...tables, ...memories].every(isInOrder), "a maximum is below its minimum");
  demand(
    memories.every(({ minimum, maximum }) => Math.max(minimum, maximum ?? 0) <= MOST_PAGES),
    "a memory is too large",
  );
}

/** Check that an expression is one constant of a type: its value where that is i32. Spec: wasm.module.state. */
function constant(bytes, at, type) {
  const reader = new Reader(bytes, at);
  demand(CONSTANT.get(reader.byte()) === type, "an expression is no constant of its type");
  let value;
  if (type === I32) value = reader.s32() >>> 0;
  else if (type === I64) reader.s64();
  else reader.skip(type === F32 ? 4 : 8);
  demand(reader.byte() === END, "an expression is more than one constant");
  return value;
}

function checkGlobal(bytes, { at, type, isMutable }) {
  demand(!isMutable || type === I32 || type === I64, "a mutable float");
  constant(bytes, at, type);
}

function checkExports({ exports }, spaces) {
  const sizes = [spaces.functions, spaces.tables, spaces.memories, spaces.globals].map((space) => space.length);
  for (const { kind, index } of exports) demand(index < sizes[kind], "an export of nothing");
  demand(new Set(exports.map(({ name }) => name)).size === exports.length, "two exports have one name");
}

function checkElement(bytes, { flags, table, at, items }, { tables, functions }) {
  demand(flags === 0 || flags === 2, "an element segment is not active, or of expressions");
  demand(table < tables.length, "an element segment of no table");
  const offset = constant(bytes, at, I32);
  demand(offset + items.count <= tables[table].minimum, "an element segment outside its table");
  const reader = new Reader(bytes, items.at);
  for (let i = 0; i < items.count; i += 1) demand(reader.u32() < functions.length, "an element is no function");
}

function checkData(bytes, { flags, memory, at, length }, { memories }) {
  if (flags === 1) return;
  demand(memory < memories.length, "a data segment of no memory");
  const offset = constant(bytes, at, I32);
  demand(offset + length <= memories[memory].minimum * PAGE_BYTES, "a data segment outside its memory");
}

/**
 * Check a module that is well-formed and within the limits: its index spaces, and of each body what bodies.js found.
 * Throws Unadmitted module. Spec: wasm.module.state, wasm.module.language.
 */
export function validate(bytes, parts) {
  const spaces = spacesOf(parts);
  checkTypes(spaces);
  demand(parts.start === null, "a start section");
  for (const global of parts.globals) checkGlobal(bytes, global);
  checkExports(parts, spaces);
  for (const segment of parts.elements) checkElement(bytes, segment, spaces);
  for (const segment of parts.data) checkData(bytes, segment, spaces);
  const imported = spaces.functions.length - parts.functions.length;
  const bodies = parts.bodies.map((body, i) => ({
    ...validateBody(spaces, bytes, spaces.functions[imported + i], body),
    localsAt: body.at,
    end: body.end,
  }));
  return { spaces, bodies, imported };
}
