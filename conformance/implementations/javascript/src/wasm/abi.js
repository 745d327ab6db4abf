// Serving host calls: the order in which each of them goes through ranges, charges, grants, checks and outputs. The
// functions are in functions.js; this file has the common parts.

import { ID_BYTES, ZERO_ID, idAt, idBytes } from "../ids.js";
import { failed } from "../wit/failure.js";
import { Trap } from "./ends.js";
import { FUNCTIONS } from "./functions.js";
import { Problem } from "./problems.js";

const ceilEighth = (number) => Math.ceil(number / 8);

/** What the parameters of a call mean: {ids and texts to read, buffers and ids to write, their sizes}. */
function layOut({ parts }, args) {
  const layout = { values: [], reads: [], writes: [], inputBytes: 0 };
  let at = 0;
  for (const part of parts) {
    const value = args[at++] >>> 0;
    if (part === "number") layout.values.push(value);
    else if (part === "id")
      layout.reads.push({ part, start: value, size: ID_BYTES, place: layout.values.push(null) - 1 });
    else if (part === "out") layout.writes.push({ part, start: value, size: ID_BYTES });
    else {
      const size = args[at++] >>> 0;
      if (part === "in") layout.reads.push({ part, start: value, size, place: layout.values.push(null) - 1 });
      else layout.writes.push({ part, start: value, size });
      if (part === "buf") layout.values.push(size);
    }
  }
  for (const { size } of layout.reads) layout.inputBytes += size;
  return layout;
}

/** Spec: wasm.abi.range. */
function checkRanges({ reads, writes }, memoryBytes) {
  for (const { start, size } of reads) if (start + size > memoryBytes) throw new Trap("memory-bounds");
  for (const { start, size } of writes) if (start + size > memoryBytes) throw new Trap("memory-bounds");
}

const bufferOf = ({ memory }) => Buffer.from(memory.buffer, memory.byteOffset, memory.length);

function readValues({ values, reads }, memory) {
  for (const { part, start, size, place } of reads) {
    values[place] = part === "id" ? idAt(memory, start) : Buffer.from(memory.subarray(start, start + size));
  }
  return values;
}

/** Serves the host calls of one call of a guest: `call` is the state that the functions use (functions.js). */
export class Abi {
  constructor(call) {
    this.call = call;
  }

  /** Serve one host call; return its result. Throws Trap, OutOfFuel, Failure. Spec: wasm.abi.order. */
  serve = (name, args, instance) => {
    const { call } = this;
    const winding = call.winding?.meet(name, instance);
    if (winding !== undefined) return winding;
    const served = FUNCTIONS[name];
    const layout = layOut(served, args);
    checkRanges(layout, instance.memory.length);
    instance.charge(served.base + ceilEighth(layout.inputBytes));
    const { grant } = served;
    if (grant !== undefined && !call.mayUse(grant)) throw failed(`${grant} is not granted`, `denied:${grant}`);
    try {
      const plan = served.work(call, readValues(layout, bufferOf(instance)), instance);
      return typeof plan === "object" ? this.#finish(layout.writes, plan, instance) : plan;
    } catch (error) {
      if (error instanceof Problem) return error.code;
      throw error;
    }
  };

  /** Charge B, and the work after it: a plan is {weight, b, error, value, outs or make(), key: an id among the outs}. */
  #finish(writes, { weight = 0, b, error, value = 0, outs = [], make, key }, instance) {
    const isTooLong = outs.some((out, i) => writes[i].part === "buf" && out.length > writes[i].size);
    const isWritten = error === undefined && !isTooLong;
    const sizes = writes.map(({ part }, i) => (part === "out" ? ID_BYTES : (outs[i]?.length ?? 0)));
    const written = isWritten ? sizes.reduce((sum, size) => sum + size, 0) : 0;
    instance.charge(b ?? ceilEighth(written + weight));
    if (error !== undefined) return error;
    if (!isWritten) return value;
    this.#write(writes, make === undefined ? outs : make(), bufferOf(instance));
    if (key !== undefined) this.call.scope.add(key);
    return value;
  }

  /** Spec: wasm.abi.buffer, wasm.abi.scope. */
  #write(writes, outs, memory) {
    for (const [i, { part, start }] of writes.entries()) {
      if (part === "out") this.#writeId(outs[i], start, memory);
      else outs[i].copy(memory, start);
    }
  }

  #writeId(id, start, memory) {
    idBytes(id).copy(memory, start);
    if (id !== ZERO_ID) this.call.scope.add(id);
  }
}
