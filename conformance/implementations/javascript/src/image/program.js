// Programs of actors: how their bytes are read, as a whole and before the first op is executed.

import { Failure } from "../wit/failure.js";
import { ProgramReader } from "../wit/program.js";
import { entriesOf } from "./cores.js";
import { malformed } from "./fault.js";

const FIRST_FREE_REF = 0xf4;
const CODE = /^[a-z0-9-]{1,32}$/;
const MODES = new Map([
  [0x6a, "join"],
  [0x76, "save"],
  [0x70, "post"],
]);
const SIGNS = new Map([
  [0x2b, 1n],
  [0x2d, -1n],
]);
const READ = new WeakMap(); // blob -> its ops

const demand = (value) => {
  if (value === undefined) throw malformed("program");
  return value;
};

/** Reads the operands that the puppet does not have. */
class Reader extends ProgramReader {
  ref() {
    const ref = this.u8();
    return demand(ref < FIRST_FREE_REF ? ref : undefined);
  }

  mode() {
    return demand(MODES.get(this.u8()));
  }

  sign() {
    return demand(SIGNS.get(this.u8()));
  }

  i64() {
    return BigInt.asIntN(64, (BigInt(this.u32()) << 32n) | BigInt(this.u32()));
  }

  /** Bytes that become a type, whatever they are: a sending judges it. */
  type() {
    return this.sized().toString("latin1");
  }

  code() {
    const text = this.sized().toString("latin1");
    return demand(CODE.test(text) ? text : undefined);
  }
}

/** byte -> {name, read(reader): operands in order}. Spec: image.language.closed. */
const OPS = new Map([
  [0x50, ["put", (r) => [r.path(), r.ref()]]],
  [0x57, ["write", (r) => [r.path(), r.data()]]],
  [0x41, ["append", (r) => [r.path(), r.data()]]],
  [0x44, ["delete", (r) => [r.path()]]],
  [0x46, ["fail", () => []]],
  [0x61, ["add", (r) => [r.path(), r.i64()]]],
  [0x63, ["count", (r) => [r.path(), r.sign()]]],
  [0x78, ["expect", (r) => [r.path(), r.data()]]],
  [0x72, ["read", (r) => [r.ref(), r.path(), r.path()]]],
  [0x73, ["send", (r) => [r.ref(), r.mode(), r.type(), r.ref()]]],
  [0x79, ["reply", (r) => [r.ref()]]],
  [0x6e, ["spin", (r) => [r.u32()]]],
  [0x66, ["fail-with", (r) => [r.code()]]],
]);

function readOps(format, data) {
  const reader = new Reader(format, data);
  const ops = [];
  while (!reader.isAtEnd) {
    const [name, read] = demand(OPS.get(reader.u8()));
    ops.push({ name, operands: read(reader) });
  }
  return ops;
}

/** The ops of a blob, [{name, operands}, ...]. Throws Fault malformed/program. */
export function readProgram(format, blob) {
  if (blob?.kind !== "blob") throw malformed("program");
  if (!READ.has(blob)) {
    try {
      READ.set(blob, readOps(format, blob.data));
    } catch (error) {
      if (error instanceof Failure) throw malformed("program"); // of the reader: what it reads goes beyond the end
      throw error;
    }
  }
  return READ.get(blob);
}

/** {ops, operands: name -> id} of a program tree. Throws Fault malformed/program. */
export function readProgramTree({ read, format }, object) {
  const operands = entriesOf(object);
  const program = operands?.get("program");
  if (program === undefined) throw malformed("program");
  return { ops: readProgram(format, read(program)), operands };
}
