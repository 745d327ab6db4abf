// Expressions as the grammar sees them: instructions with their immediates, constructs that close. Types come later
// (bodies.js).

import * as table from "./instructions.js";

const { FORM, PREFIX, prefixed } = table;

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const BR_TABLE = 0x0e;

let open = new Uint8Array(1024); // the constructs that are open, innermost last

function enter(depth, construct) {
  if (depth === open.length) {
    const wider = new Uint8Array(2 * depth);
    wider.set(open);
    open = wider;
  }
  open[depth] = construct;
}

/** The opcode at a place; the number of an instruction with the prefix may be spelled long. */
export function readOpcode(reader) {
  const byte = reader.byte();
  const code = byte === PREFIX ? prefixed(reader.u32()) : byte;
  if (code < 0 || FORM[code] < 0) reader.fail("no instruction of the language");
  return code;
}

/** Pass the type of a construct. */
export function skipBlocktype(reader) {
  const byte = reader.bytes[reader.at];
  if (byte === 0x40 || table.isValueType(byte)) reader.byte();
  else reader.s33();
}

const zero = (reader) => {
  if (reader.byte() !== 0) reader.fail("a byte has to be 00");
};

/** Pass the immediates of an instruction: the number of labels of br_table, the default not counted, and else 0. */
export function skipImmediates(reader, code) {
  switch (FORM[code]) {
    case table.NONE:
      break;
    case table.BLOCKTYPE:
      skipBlocktype(reader);
      break;
    case table.INDEX:
      reader.u32();
      break;
    case table.LABELS:
      return skipLabels(reader);
    case table.INDIRECT:
      reader.u32();
      reader.u32();
      break;
    case table.TYPES:
      skipTypes(reader);
      break;
    case table.MEMARG:
      reader.u32();
      reader.u32();
      break;
    case table.ZERO:
      zero(reader);
      break;
    case table.ZERO_ZERO:
      zero(reader);
      zero(reader);
      break;
    case table.DATA_ZERO:
      reader.u32();
      zero(reader);
      break;
    case table.CONST_I32:
      reader.s32();
      break;
    case table.CONST_I64:
      reader.s64();
      break;
    case table.CONST_F32:
      reader.skip(4);
      break;
    default:
      reader.skip(8);
  }
  return 0;
}

function skipLabels(reader) {
  const count = reader.u32();
  for (let i = 0; i <= count; i += 1) reader.u32();
  return count;
}

function skipTypes(reader) {
  for (let count = reader.u32(); count > 0; count -= 1) {
    if (!table.isValueType(reader.byte())) reader.fail("no value type");
  }
}

/**
 * Skip an expression, including its last `end`. `seen` collects its properties: seen.nesting and seen.labels grow to the
 * most constructs and labels, seen.usesData becomes true where an instruction names a data segment.
 */
export function skipExpression(reader, seen) {
  let depth = 0;
  let deepest = 0;
  for (;;) {
    const code = readOpcode(reader);
    if (FORM[code] === table.NONE && code !== ELSE && code !== END) continue;
    const labels = skipImmediates(reader, code);
    if (code === BLOCK || code === LOOP || code === IF) {
      enter(depth, code);
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (code === ELSE) {
      if (depth === 0 || open[depth - 1] !== IF) reader.fail("else without if");
      open[depth - 1] = ELSE;
    } else if (code === END) {
      if (depth === 0) break;
      depth -= 1;
    } else if (code === BR_TABLE) {
      if (labels > seen.labels) seen.labels = labels;
    } else if (FORM[code] === table.DATA_ZERO) seen.usesData = true;
  }
  if (deepest > seen.nesting) seen.nesting = deepest;
}
