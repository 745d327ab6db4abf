// The binary format: bytes of a module to its parts, or the verdict that they are malformed. Nothing is judged here but
// the grammar; items above their limit are counted and not stored, so that counts cost no memory.

import { skipExpression } from "./expressions.js";
import { isValueType } from "./instructions.js";
import { MODULE_LIMITS } from "./limits.js";
import { Reader } from "./reader.js";

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUNCREF = 0x70;
const CODE = 10;
const DATA = 11;

/** The places of the section ids in the order of sections. */
export const PLACES = new Map([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11].map((id, place) => [id, place]));

/** Kinds of imports and exports. */
export const FUNCTION = 0;
export const TABLE = 1;
export const MEMORY = 2;
export const GLOBAL = 3;

class Parts {
  sections = []; // {id, at, end} of each section but the custom ones
  types = []; // {params, results}: subarrays
  imports = []; // {module, name, kind, type | table | memory | global}
  functions = []; // index of a type for each function that the module defines
  tables = []; // {minimum, maximum | null}
  memories = [];
  globals = []; // {type, isMutable, at: of its expression}
  exports = []; // {name, kind, index}
  start = null;
  elements = []; // {flags, table, at: of its offset, items: {count, at}}
  bodies = []; // {at, end}
  data = []; // {flags, memory, at: of its offset, length}
  dataCount = null;
  usesData = false;
  counts = { functions: 0, bodies: 0, data: 0 };
  // the values that limits.js checks
  largest = {
    types: 0,
    parameters: 0,
    results: 0,
    functions: 0,
    body_bytes: 0,
    locals: 0,
    nesting: 0,
    br_table_labels: 0,
    imports: 0,
    exports: 0,
    name_bytes: 0,
    globals: 0,
    table_elements: 0,
    data_segments: 0,
    element_segments: 0,
    memory_pages: 0,
  };

  measure(name, found) {
    if (found > this.largest[name]) this.largest[name] = found;
  }
}

/** Read a vector; items beyond `most` are read and dropped. Gives their count. */
function vector(reader, items, most, read) {
  const count = reader.u32();
  for (let i = 0; i < count; i += 1) {
    const item = read();
    if (i < most) items.push(item);
  }
  return count;
}

const valueType = (reader) => {
  const byte = reader.byte();
  if (!isValueType(byte)) reader.fail("no value type of the language");
  return byte;
};

function valueTypes(reader, name, parts) {
  const count = reader.u32();
  const at = reader.at;
  for (let i = 0; i < count; i += 1) valueType(reader);
  parts.measure(name, count);
  return reader.bytes.subarray(at, at + Math.min(count, MODULE_LIMITS[name]));
}

function limits(reader) {
  const flag = reader.byte();
  if (flag > 1) reader.fail("no limits of the language");
  return { minimum: reader.u32(), maximum: flag === 1 ? reader.u32() : null };
}

function tableType(reader, parts) {
  if (reader.byte() !== FUNCREF) reader.fail("no table of the language");
  const table = limits(reader);
  parts.measure("table_elements", table.minimum);
  return table;
}

function memoryType(reader, parts) {
  const memory = limits(reader);
  parts.measure("memory_pages", memory.minimum);
  return memory;
}

function globalType(reader) {
  const type = valueType(reader);
  const isMutable = reader.byte();
  if (isMutable > 1) reader.fail("neither mutable nor immutable");
  return { type, isMutable: isMutable === 1 };
}

/** A name of an import or export; one that is too long is not kept. */
function name(reader, parts) {
  const { length, text } = reader.name();
  parts.measure("name_bytes", length);
  return length > MODULE_LIMITS.name_bytes ? null : text;
}

/** Pass an initialiser or an offset; limits of code and the count of data segments are of bodies. */
function expression(reader) {
  const { at } = reader;
  skipExpression(reader, { nesting: 0, labels: 0, usesData: false });
  return at;
}

function readImport(reader, parts) {
  const what = { module: name(reader, parts), name: name(reader, parts), kind: reader.byte() };
  if (what.kind === FUNCTION) return { ...what, type: reader.u32() };
  if (what.kind === TABLE) return { ...what, table: tableType(reader, parts) };
  if (what.kind === MEMORY) return { ...what, memory: memoryType(reader, parts) };
  if (what.kind === GLOBAL) return { ...what, global: globalType(reader) };
  return reader.fail("no kind of import");
}

function readExport(reader, parts) {
  const what = { name: name(reader, parts), kind: reader.byte() };
  if (what.kind > GLOBAL) reader.fail("no kind of export");
  return { ...what, index: reader.u32() };
}

/** Flags: 1 not active, 2 (of an active one) with the index of a table, 4 by expressions. */
function readElement(reader, parts) {
  const flags = reader.u32();
  if (flags > 7) reader.fail("no kind of element segment");
  const isActive = (flags & 1) === 0;
  const table = isActive && flags & 2 ? reader.u32() : 0;
  const at = isActive ? expression(reader) : null;
  if (flags & 3 && reader.byte() !== (flags & 4 ? FUNCREF : 0)) reader.fail("no kind of elements");
  const items = { count: reader.u32(), at: reader.at };
  for (let i = 0; i < items.count; i += 1) {
    if (flags & 4) expression(reader);
    else reader.u32();
  }
  return { flags, table, at, items };
}

function readData(reader, parts) {
  const flags = reader.u32();
  if (flags > 2) reader.fail("no kind of data segment");
  const memory = flags === 2 ? reader.u32() : 0;
  const at = flags === 1 ? null : expression(reader);
  const length = reader.u32();
  reader.skip(length);
  return { flags, memory, at, length };
}

/** Pass the groups of locals of a body: their number together. */
export function skipLocals(reader) {
  let locals = 0;
  for (let groups = reader.u32(); groups > 0; groups -= 1) {
    locals += reader.u32();
    if (locals > 0xffffffff) reader.fail("more locals than there can be");
    valueType(reader);
  }
  return locals;
}

function readBody(reader, parts, seen) {
  const length = reader.u32();
  const body = reader.part(length);
  const { at, end } = body;
  parts.measure("body_bytes", length);
  parts.measure("locals", skipLocals(body));
  skipExpression(body, seen);
  body.done();
  return { at, end };
}

function readCode(reader, parts) {
  const seen = { nesting: 0, labels: 0, usesData: false };
  parts.counts.bodies = vector(reader, parts.bodies, MODULE_LIMITS.functions, () => readBody(reader, parts, seen));
  parts.measure("nesting", seen.nesting);
  parts.measure("br_table_labels", seen.labels);
  parts.usesData ||= seen.usesData;
}

const ANY_FEW = 2; // tables and memories: two are one too many already

const SECTIONS = {
  1(reader, parts) {
    parts.measure(
      "types",
      vector(reader, parts.types, MODULE_LIMITS.types, () => {
        if (reader.byte() !== 0x60) reader.fail("no function type");
        return { params: valueTypes(reader, "parameters", parts), results: valueTypes(reader, "results", parts) };
      }),
    );
  },
  2(reader, parts) {
    parts.measure(
      "imports",
      vector(reader, parts.imports, MODULE_LIMITS.imports, () => readImport(reader, parts)),
    );
  },
  3(reader, parts) {
    parts.counts.functions = vector(reader, parts.functions, MODULE_LIMITS.functions, () => reader.u32());
    parts.measure("functions", parts.counts.functions);
  },
  4(reader, parts) {
    vector(reader, parts.tables, ANY_FEW, () => tableType(reader, parts));
  },
  5(reader, parts) {
    vector(reader, parts.memories, ANY_FEW, () => memoryType(reader, parts));
  },
  6(reader, parts) {
    const read = () => ({ ...globalType(reader), at: expression(reader) });
    parts.measure("globals", vector(reader, parts.globals, MODULE_LIMITS.globals, read));
  },
  7(reader, parts) {
    parts.measure(
      "exports",
      vector(reader, parts.exports, MODULE_LIMITS.exports, () => readExport(reader, parts)),
    );
  },
  8(reader, parts) {
    parts.start = reader.u32();
  },
  9(reader, parts) {
    const most = MODULE_LIMITS.element_segments;
    parts.measure(
      "element_segments",
      vector(reader, parts.elements, most, () => readElement(reader, parts)),
    );
  },
  10: readCode,
  11(reader, parts) {
    parts.counts.data = vector(reader, parts.data, MODULE_LIMITS.data_segments, () => readData(reader, parts));
    parts.measure("data_segments", parts.counts.data);
  },
  12(reader, parts) {
    parts.dataCount = reader.u32();
  },
};

function readSections(reader, parts) {
  let last = -1;
  while (reader.at < reader.end) {
    const id = reader.byte();
    const section = reader.part(reader.u32());
    if (id === 0) {
      section.name();
      continue;
    }
    if (!PLACES.has(id)) reader.fail("no section of the language");
    if (PLACES.get(id) <= last) reader.fail("a section is not in its place");
    last = PLACES.get(id);
    parts.sections.push({ id, at: section.at, end: section.end });
    SECTIONS[id](section, parts);
    section.done();
  }
}

/** Decode a module. Throws Unadmitted module if it is malformed. Spec: wasm.module.language. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  for (const byte of HEADER) if (reader.byte() !== byte) reader.fail("no module of version 1");
  const parts = new Parts();
  readSections(reader, parts);
  const { counts, dataCount } = parts;
  if (counts.functions !== counts.bodies) reader.fail("as many bodies as functions are needed");
  if (dataCount !== null && dataCount !== counts.data) reader.fail("the count of data segments is another");
  if (dataCount === null && parts.usesData) reader.fail("the count of data segments is missing");
  return parts;
}

export const SECTION_IDS = Object.freeze({ type: 1, memory: 5, global: 6, export: 7, code: CODE, data: DATA });
