// Validation of a body as WebAssembly defines it, dead code included, and its results: the frame of the
// function and the locals that its metered form needs.

import * as table from "./instructions.js";
import { readOpcode } from "./expressions.js";
import { MODULE_LIMITS } from "./limits.js";
import { Reader } from "./reader.js";
import { unadmitted } from "./unadmitted.js";

const { ALIGN, F32, F64, FORM, I32, I64, NAN, OPERANDS, RESULTS, SEGMENT, SIZE, UNKNOWN } = table;

/** Locals that a metered body adds, as bits. */
export const USES_T = 1;
export const USES_U = 2;
export const USES_V = 4;

const FRAME_BASE = 8;
const EMPTY = { params: [], results: [] };
const ONE_RESULT = new Map([I32, I64, F32, F64].map((type) => [type, { params: [], results: [type] }]));

const [BLOCK, LOOP, IF, ELSE, END] = [0x02, 0x03, 0x04, 0x05, 0x0b];

const equal = (some, others) => some.length === others.length && some.every((type, i) => type === others[i]);

/** The type of a construct. Throws Unadmitted for an index of no type. */
function readBlocktype(reader, types) {
  const byte = reader.bytes[reader.at];
  if (byte === 0x40 || table.isValueType(byte)) {
    reader.at += 1;
    return byte === 0x40 ? EMPTY : ONE_RESULT.get(byte);
  }
  return types[reader.s33()] ?? invalid("no such type");
}

const invalid = (what) => {
  throw unadmitted("module", what);
};

let operands = new Uint8Array(65_536); // the operand stack of one body at a time

class Body {
  #height = 0; // of the operand stack
  #frames = [];
  #frame = null; // the innermost
  #deadAt = Infinity; // how many constructs are open around what is dead
  #highest = 0;
  #uses = 0;

  constructor(module, type, locals, reader) {
    this.module = module; // {types, functions: types, globals, tables, memories, dataCount}
    this.type = type;
    this.locals = locals;
    this.reader = reader;
  }

  /** Validate it: {highest: operands, uses}. */
  run() {
    const { reader } = this;
    this.#open(END, { params: [], results: this.type.results });
    while (this.#frames.length > 0) {
      const code = readOpcode(reader);
      const isLive = this.#frames.length < this.#deadAt;
      if (OPERANDS[code] === null) this.#control(code);
      else this.#simple(code);
      if (isLive) this.#note(code);
      else if (this.#frames.length < this.#deadAt && this.#height > this.#highest) {
        this.#highest = this.#height; // the else or end that dead code reaches to is live
      }
    }
    return { highest: this.#highest, uses: this.#uses };
  }

  /** What a live instruction adds to the frame and to the locals of the metered form. Spec: wasm.stack.depth. */
  #note(code) {
    if (SEGMENT[code] === table.DEAD) return;
    if (this.#height > this.#highest) this.#highest = this.#height;
    if (NAN[code] === F32) this.#uses |= USES_U;
    else if (NAN[code] === F64) this.#uses |= USES_V;
    else if (SIZE[code] !== 0) this.#uses |= USES_T;
  }

  #pop() {
    if (this.#height > this.#frame.height) return operands[--this.#height];
    return this.#frame.isUnreachable ? UNKNOWN : invalid("an operand is missing");
  }

  #expect(type) {
    const found = this.#pop();
    if (found !== type && found !== UNKNOWN) invalid("an operand has another type");
  }

  #popAll(types) {
    for (let i = types.length - 1; i >= 0; i -= 1) this.#expect(types[i]);
  }

  #push(type) {
    if (this.#height === operands.length) {
      const wider = new Uint8Array(2 * operands.length);
      wider.set(operands);
      operands = wider;
    }
    operands[this.#height++] = type;
  }

  #pushAll(types) {
    for (let i = 0; i < types.length; i += 1) this.#push(types[i]);
  }

  #open(code, type) {
    this.#frame = { code, type, height: this.#height, isUnreachable: false };
    this.#frames.push(this.#frame);
    this.#pushAll(type.params);
  }

  /** End the innermost construct; return its type. */
  #close() {
    const { type, height } = this.#frame;
    this.#popAll(type.results);
    if (this.#height !== height) invalid("operands are left over");
    this.#frames.pop();
    if (this.#frames.length < this.#deadAt) this.#deadAt = Infinity;
    this.#frame = this.#frames.at(-1);
    return type;
  }

  #neverOn() {
    this.#height = this.#frame.height;
    this.#frame.isUnreachable = true;
    if (this.#deadAt === Infinity) this.#deadAt = this.#frames.length;
  }

  #label(index) {
    if (index >= this.#frames.length) invalid("no such label");
    const { code, type } = this.#frames[this.#frames.length - 1 - index];
    return code === LOOP ? type.params : type.results;
  }

  #simple(code) {
    const { reader, module } = this;
    if (FORM[code] !== table.NONE) this.#immediates(code, reader, module);
    this.#popAll(OPERANDS[code]);
    this.#pushAll(RESULTS[code]);
  }

  #immediates(code, reader, module) {
    switch (FORM[code]) {
      case table.CONST_I32:
        reader.s32();
        return;
      case table.CONST_I64:
        reader.s64();
        return;
      case table.CONST_F32:
        reader.skip(4);
        return;
      case table.CONST_F64:
        reader.skip(8);
        return;
      case table.MEMARG:
        if (reader.u32() > ALIGN[code]) invalid("an alignment is larger than natural");
        reader.u32();
        break;
      case table.ZERO:
        reader.skip(1);
        break;
      case table.ZERO_ZERO:
        reader.skip(2);
        break;
      case table.DATA_ZERO:
        if (reader.u32() >= (module.dataCount ?? 0)) invalid("no such data segment");
        reader.skip(1);
        break;
      default:
        throw new Error(`form ${FORM[code]}`);
    }
    if (module.memories.length === 0) invalid("there is no memory");
  }

  #control(code) {
    const { reader, module } = this;
    switch (code) {
      case 0x00:
        this.#neverOn();
        break;
      case 0x01:
        break;
      case BLOCK:
      case LOOP:
      case IF:
        this.#construct(code);
        break;
      case ELSE:
        this.#else();
        break;
      case END:
        this.#end();
        break;
      case 0x0c:
        this.#popAll(this.#label(reader.u32()));
        this.#neverOn();
        break;
      case 0x0d:
        this.#branchIf(this.#label(reader.u32()));
        break;
      case 0x0e:
        this.#branchTable(reader.u32());
        break;
      case 0x0f:
        this.#popAll(this.type.results);
        this.#neverOn();
        break;
      case 0x10:
        this.#call(module.functions[reader.u32()] ?? invalid("no such function"));
        break;
      case 0x11:
        this.#callIndirect(module.types[reader.u32()] ?? invalid("no such type"));
        break;
      case 0x1a:
        this.#pop();
        break;
      case 0x1b:
        this.#select();
        break;
      case 0x1c:
        this.#selectTyped(reader.u32());
        break;
      default:
        this.#variable(code, reader.u32());
    }
  }

  #construct(code) {
    const type = readBlocktype(this.reader, this.module.types);
    if (code === IF) this.#expect(I32);
    this.#popAll(type.params);
    this.#open(code, type);
  }

  #else() {
    this.#open(ELSE, this.#close());
  }

  #end() {
    const { code } = this.#frame;
    const type = this.#close();
    if (code === IF && !equal(type.params, type.results)) invalid("an if without else changes the operands");
    this.#pushAll(type.results);
  }

  #branchIf(types) {
    this.#expect(I32);
    this.#popAll(types);
    this.#pushAll(types);
  }

  #branchTable(count) {
    this.#expect(I32);
    const { reader } = this;
    let arity = -1;
    let last = -1;
    for (let i = 0; i <= count; i += 1) {
      const index = reader.u32();
      if (index === last) continue; // as the one before
      last = index;
      const types = this.#label(index);
      if (arity >= 0 && types.length !== arity) invalid("labels take different numbers of operands");
      arity = types.length;
      this.#fits(types);
    }
    this.#neverOn();
  }

  /** The operands on top have these types; they stay. */
  #fits(types) {
    const bottom = this.#height - types.length;
    for (let i = 0; i < types.length; i += 1) {
      const isThere = bottom + i >= this.#frame.height;
      if (!isThere && !this.#frame.isUnreachable) invalid("an operand is missing");
      const found = isThere ? operands[bottom + i] : UNKNOWN;
      if (found !== types[i] && found !== UNKNOWN) invalid("an operand has another type");
    }
  }

  #call({ params, results }) {
    this.#popAll(params);
    this.#pushAll(results);
  }

  #callIndirect(type) {
    if (this.reader.u32() >= this.module.tables.length) invalid("there is no such table");
    this.#expect(I32);
    this.#call(type);
  }

  #select() {
    this.#expect(I32);
    const [one, other] = [this.#pop(), this.#pop()];
    if (one !== other && one !== UNKNOWN && other !== UNKNOWN) invalid("select of two types");
    this.#push(one === UNKNOWN ? other : one);
  }

  #selectTyped(count) {
    if (count !== 1) invalid("select of other than one type");
    const type = this.reader.byte();
    this.#popAll([type, type, I32]);
    this.#push(type);
  }

  #variable(code, index) {
    if (code >= 0x23) return this.#global(code, this.module.globals[index] ?? invalid("no such global"));
    const type = this.locals[index] ?? invalid("no such local");
    if (code !== 0x20) this.#expect(type);
    if (code !== 0x21) this.#push(type);
  }

  #global(code, { type, isMutable }) {
    if (code === 0x23) this.#push(type);
    else if (isMutable) this.#expect(type);
    else invalid("the global is immutable");
  }
}

const room = new Uint8Array(MODULE_LIMITS.parameters + MODULE_LIMITS.locals); // of one body at a time

/** The types of the locals of a body, parameters first. They are in `room` until the next body is read. */
function readLocals(reader, params) {
  room.set(params);
  let at = params.length;
  for (let groups = reader.u32(); groups > 0; groups -= 1) {
    const count = reader.u32();
    room.fill(reader.byte(), at, at + count);
    at += count;
  }
  return room.subarray(0, at);
}

/**
 * Validate the body of a function: {at: where its instructions begin, declared: locals, frame: stack units, uses}.
 * Throws Unadmitted module. Spec: wasm.module.language, wasm.stack.depth.
 */
export function validateBody(module, bytes, type, { at, end }) {
  const reader = new Reader(bytes, at, end);
  const locals = readLocals(reader, type.params);
  const begin = reader.at;
  const { highest, uses } = new Body(module, type, locals, reader).run();
  return { at: begin, declared: locals.length - type.params.length, frame: FRAME_BASE + locals.length + highest, uses };
}
