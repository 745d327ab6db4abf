// The ops of programs: what each does to the working core and the outbox of the step in the making.

import { follow } from "../wit/paths.js";
import { asFault, failed, rejected } from "./fault.js";
import { MOST, readNumber } from "./forms.js";
import { costOfOp } from "./weighing.js";

const RESERVED = ["image", "code", "wit", "wit_query", "wit_update", "src", "frozen", "wasm"];
const ACTOR = 0xf0;
const SENDER = 0xf1;
const CONTENT = 0xf2;

const isReserved = ([first]) => RESERVED.includes(first);

/** Spec: image.location.reserved. */
function demandFree(path) {
  if (isReserved(path)) throw rejected("location");
}

function resolve({ act, operands }, ref) {
  if (ref === ACTOR) return act.actor;
  if (ref === SENDER) return act.x.sender;
  if (ref === CONTENT) return act.x.message.content;
  if (ref > CONTENT) return act.core.id();
  const found = operands.get(ref.toString(16).padStart(2, "0"));
  if (found === undefined) throw failed();
  return found;
}

/** The number in the data of an object. */
function readCount(object) {
  const number = object?.kind === "blob" ? readNumber(object.data.toString("latin1")) : null;
  if (number === null) throw failed();
  return number;
}

function addTo({ act }, path, amount) {
  const { core, workspace } = act;
  const object = core.read(path);
  const sum = (object === undefined ? 0n : readCount(object)) + amount;
  if (sum < 0n || sum > MOST) throw rejected("range");
  core.put(path, workspace.writeBlob(Buffer.from(sum.toString()), object?.headers ?? []));
}

function count(run, path, sign) {
  const { core, workspace, x } = run.act;
  const object = core.read(path);
  if (object !== undefined) readCount(object);
  addTo(run, path, sign * readCount(workspace.read(x.message.content)));
}

function expect({ act }, path, data) {
  const object = act.core.read(path);
  if (object === null) throw failed(); // an erased blob has no data
  if (object?.kind !== "blob" || !object.data.equals(data)) throw rejected("expect");
}

function read(run, ref, from, to) {
  const { act } = run;
  const actor = resolve(run, ref);
  if (!act.isTree(actor)) throw failed();
  const found = follow(act.workspace.read, act.coreToRead(actor, !isReserved(to)), from);
  if (found === null) act.core.delete(to);
  else act.core.put(to, found);
}

function send(run, toRef, mode, type, contentRef) {
  const [target, content] = [resolve(run, toRef), resolve(run, contentRef)];
  if (!run.act.isTree(target)) throw failed();
  run.act.send({ target, type, mode, content });
}

const changing = (work) => (run, path, operand) => {
  demandFree(path);
  work(run, path, operand);
};

const OPS = {
  put: changing((run, path, ref) => run.act.core.put(path, resolve(run, ref))),
  write: changing(({ act }, path, data) => act.core.write(path, data)),
  append: changing(({ act }, path, data) => {
    if (!act.core.append(path, data)) throw failed();
  }),
  delete: changing(({ act }, path) => act.core.delete(path)),
  add: changing(addTo),
  count: changing(count),
  expect,
  read,
  send,
  reply: (run, ref) => run.act.reply(resolve(run, ref)),
  spin() {},
  fail() {
    throw failed();
  },
  "fail-with"(run, code) {
    throw rejected(code);
  },
};

/** The id of a ref, or null if it denotes nothing. */
function refer(run, ref) {
  try {
    return resolve(run, ref);
  } catch (error) {
    asFault(error);
    return null;
  }
}

/** Execute a program {ops, operands} in a step in the making. Throws Fault, FrameEnd. Spec: image.program.exact. */
export function execute(act, { ops, operands }) {
  const run = { act, operands, refer: (ref) => refer(run, ref) };
  for (const op of ops) {
    act.operation.charge(costOfOp(run, op));
    OPS[op.name](run, ...op.operands);
  }
}
