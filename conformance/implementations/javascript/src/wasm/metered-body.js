// The bodies of a metered form. A segment is written apart first, since what it costs stands before it.

import { USES_T, USES_U, USES_V } from "./bodies.js";
import { readOpcode, skipImmediates } from "./expressions.js";
import { COST, DEAD, F32, GOES_ON, NAN, SEGMENT, SIZE } from "./instructions.js";
import { STACK_UNITS } from "./limits.js";
import { Reader } from "./reader.js";
import { Writer } from "./writer.js";

const [UNREACHABLE, BLOCK, IF, ELSE, END, BR_IF, RETURN] = [0x00, 0x02, 0x04, 0x05, 0x0b, 0x0d, 0x0f];
const ENTRY_COST = 2;
const LOCALS_PER_UNIT = 8;

const ADDED_LOCALS = [
  [USES_T, 0x7f],
  [USES_U, 0x7d],
  [USES_V, 0x7c],
];
const UNREACHABLE_IF = [0x04, 0x40, 0x00, 0x0b]; // if 40, unreachable, end

/** The bytes of what a writer does. */
function bytesOf(write) {
  const out = new Writer(64);
  write(out);
  return out.written;
}

/** Instructions that stand in every body of a module, F and D being the globals `fuel` and `depth`. */
function sequences(fuel, depth) {
  const global = (out, opcode, index) => {
    out.byte(opcode);
    out.uleb(index);
  };
  return {
    getFuel: bytesOf((out) => global(out, 0x23, fuel)),
    getDepth: bytesOf((out) => global(out, 0x23, depth)),
    setDepth: bytesOf((out) => global(out, 0x24, depth)),
    // i64.sub, global.set F, and whether it is below 0
    pay: bytesOf((out) => {
      out.byte(0x7d);
      global(out, 0x24, fuel);
      global(out, 0x23, fuel);
      out.put([0x42, 0x00, 0x53]);
    }),
    // whether D is above what there is
    isTooDeep: bytesOf((out) => {
      global(out, 0x23, depth);
      out.byte(0x41);
      out.sleb(STACK_UNITS);
      out.byte(0x4b);
    }),
  };
}

const SHIFTS = [null, [0x42, 13, 0x86], [0x42, 3, 0x88]]; // i64.const, i64.shl or i64.shr_u
const F32_NAN = [0x43, 0x00, 0x00, 0xc0, 0x7f];
const F64_NAN = [0x44, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f];

/** Writes metered bodies of one module. */
export class BodyMeter {
  #body = new Writer(4096);
  #segment = new Writer(4096);

  constructor({ bytes, valid }, blockTypes, out, isRun) {
    this.bytes = bytes;
    this.blockTypes = blockTypes;
    this.out = out;
    this.isRun = isRun;
    const fuel = valid.spaces.globals.length;
    this.sequences = sequences(fuel, fuel + 1);
  }

  /** Write a body with its size. */
  write(body, type) {
    const out = this.#body;
    out.clear();
    this.#locals(body);
    if (this.isRun) this.#run(body, type);
    else {
      this.#enter(body);
      this.#wrap(body, type);
    }
    out.byte(END);
    this.out.uleb(out.length);
    this.out.put(out.written);
  }

  /** What is run instead: all checks go to one place. The engine copies what it knows of the stack for every other. */
  #run(body, type) {
    const out = this.#body;
    out.put([BLOCK, 0x40]);
    this.#enter(body);
    if (body.frame <= STACK_UNITS) {
      this.#wrap(body, type);
      out.byte(RETURN);
    }
    out.put([END, UNREACHABLE]);
  }

  #enter({ frame }) {
    this.#enterOrLeave(frame, 0x6a);
    this.#body.put(this.sequences.isTooDeep);
    this.#trapIf(this.#body, -1);
  }

  /** Trap where a condition holds, in so many constructs of the module; in none but the body: 0. */
  #trapIf(out, depth) {
    if (!this.isRun) return out.put(UNREACHABLE_IF);
    out.byte(BR_IF);
    out.uleb(depth + 1);
  }

  #wrap(body, type) {
    this.#body.byte(BLOCK);
    this.#blockType(type.results);
    this.#indexLocals(body, type.params.length + body.declared);
    this.#instructions(body);
    this.#enterOrLeave(body.frame, 0x6b);
  }

  #locals({ localsAt, at, uses }) {
    const added = uses === 0 ? [] : ADDED_LOCALS.filter(([use]) => uses & use);
    const reader = new Reader(this.bytes, localsAt, at);
    this.#body.uleb(reader.u32() + added.length);
    this.#body.copy(this.bytes, reader.at, at);
    for (const [, type] of added) this.#body.put([1, type]);
  }

  /** D is the frame more (i32.add), or less (i32.sub). */
  #enterOrLeave(frame, opcode) {
    const out = this.#body;
    out.put(this.sequences.getDepth);
    out.byte(0x41);
    out.sleb(frame);
    out.byte(opcode);
    out.put(this.sequences.setDepth);
  }

  #blockType(results) {
    if (results.length === 0) this.#body.byte(0x40);
    else if (results.length === 1) this.#body.byte(results[0]);
    else this.#body.sleb(this.blockTypes.get(results.join()).index);
  }

  /** What comes before an instruction with a size and after one with a NaN, in this body. */
  #indexLocals({ uses }, first) {
    if (uses === 0) return;
    const [t, u, v] = [
      first,
      first + (uses & USES_T ? 1 : 0),
      first + (uses & USES_T ? 1 : 0) + (uses & USES_U ? 1 : 0),
    ];
    const tee = (out, local) => {
      out.byte(0x22);
      out.uleb(local);
    };
    const get = (out, local) => {
      out.byte(0x20);
      out.uleb(local);
    };
    const canonical = (local, constant, equal) =>
      bytesOf((out) => {
        tee(out, local);
        out.put(constant);
        get(out, local);
        get(out, local);
        out.put([equal, 0x1b]);
      });
    this.before = SHIFTS.map(
      (shift) =>
        shift &&
        bytesOf((out) => {
          tee(out, t);
          out.put(this.sequences.getFuel);
          get(out, t);
          out.put([0xad, ...shift]);
        }),
    );
    this.canonical32 = uses & USES_U ? canonical(u, F32_NAN, 0x5b) : null;
    this.canonical64 = uses & USES_V ? canonical(v, F64_NAN, 0x61) : null;
  }

  /** Spec: wasm.fuel.segment, wasm.fuel.cost. */
  #instructions({ at, end, declared }) {
    const reader = new Reader(this.bytes, at, end);
    let cost = ENTRY_COST + Math.floor(declared / LOCALS_PER_UNIT);
    let depth = 0; // constructs that are open
    let deadAt = -1; // how many are, around what is dead
    this.from = at;
    this.depth = 0; // where the segment begins
    while (reader.at < end) {
      const from = reader.at;
      const code = readOpcode(reader);
      skipImmediates(reader, code);
      if (code === END) depth -= 1;
      if (deadAt >= 0) {
        const isReached = (code === END && depth < deadAt) || (code === ELSE && depth === deadAt);
        if (code >= BLOCK && code <= IF) depth += 1;
        if (!isReached) continue;
        deadAt = -1;
        this.from = from;
      } else if (code >= BLOCK && code <= IF) depth += 1;
      cost += COST[code];
      if (SIZE[code] !== 0 || NAN[code] !== 0 || code === RETURN) this.#special(code, from, reader.at, depth);
      if (SEGMENT[code] === GOES_ON) continue;
      this.#endSegment(cost, reader.at, depth);
      cost = 0;
      if (SEGMENT[code] === DEAD) deadAt = depth;
    }
  }

  /** Write the segment up to and with an instruction that is not just copied. */
  #special(code, from, to, depth) {
    const out = this.#segment;
    const isCopied = code !== RETURN;
    out.copy(this.bytes, this.from, from);
    if (SIZE[code] !== 0) {
      out.put(this.before[SIZE[code]]);
      out.put(this.sequences.pay);
      this.#trapIf(out, depth);
    }
    if (isCopied) out.copy(this.bytes, from, to);
    else {
      out.byte(0x0c);
      out.uleb(depth);
    }
    if (NAN[code] !== 0) out.put(NAN[code] === F32 ? this.canonical32 : this.canonical64);
    this.from = to;
  }

  /** Write the charge of a segment and then the segment, of which the last bytes, up to `to`, are still to be copied. */
  #endSegment(cost, to, depth) {
    const out = this.#body;
    if (cost !== 0) {
      out.put(this.sequences.getFuel);
      out.byte(0x42);
      out.sleb(cost);
      out.put(this.sequences.pay);
      this.#trapIf(out, this.depth);
    }
    out.put(this.#segment.written);
    out.copy(this.bytes, this.from, to);
    this.#segment.clear();
    this.from = to;
    this.depth = depth; // of the next
  }
}
