// The ops of the puppet: what each reads from the program and what it does.
//
// The state that they work on (puppet.js) is {workspace, actor, attempt, ask, core, outbox, illegal, sender, id, message,
// operands}; the last four are those of the message whose program runs. An op that is a generator may yield {sleep}.

import { Refusal } from "../refusal.js";
import { failed } from "./failure.js";

const QUEUED = 0x71;
const SIGNAL = 0x73;
const MOST_U32 = 0xffffffff;
const ERROR = Buffer.from("error");
const BOUNCES = ["bounces"];
const ACTOR = 0xf0;

/** What op L throws to hold the message. */
export class Held extends Error {}

const OF_THE_RUN = new Map([
  [ACTOR, (state) => state.actor],
  [0xf1, (state) => state.sender],
  [0xf2, (state) => state.message.content],
  [0xf3, (state) => wholeCore(state)],
]);

function wholeCore({ core }) {
  if (core.isEmpty) throw failed("the working core has no entry");
  return core.id();
}

function resolve(state, ref) {
  const found = ref < ACTOR ? state.operands.get(ref.toString(16).padStart(2, "0")) : OF_THE_RUN.get(ref)?.(state);
  if (found === undefined) throw failed(`the ref ${ref} is to nothing`);
  return found;
}

function post({ workspace, outbox }, to, previous, headers, content) {
  outbox.set(to, workspace.write({ kind: "message", previous, headers, content }));
}

function send(state, [toRef, mode, type, contentRef]) {
  const to = resolve(state, toRef);
  const content = resolve(state, contentRef);
  if (mode !== QUEUED && mode !== SIGNAL) throw failed("a mode that is neither q nor s");
  if (state.workspace.kind(to) !== "tree") throw failed("a receiver that is no tree");
  const previous = mode === QUEUED ? (state.outbox.get(to) ?? null) : null;
  post(state, to, previous, type === "" ? [] : [["mt", type]], content);
}

function countBounce({ core }) {
  if (!core.has(BOUNCES)) return 1;
  const blob = core.read(BOUNCES);
  if (blob?.kind !== "blob" || blob.data.length !== 4) throw failed("bounces is no number");
  const count = blob.data.readUInt32BE();
  if (count === MOST_U32) throw failed("bounces cannot grow");
  return count + 1;
}

function bounce(state, [limit]) {
  const count = countBounce(state);
  const data = Buffer.alloc(4);
  data.writeUInt32BE(count);
  state.core.write(BOUNCES, data);
  if (count >= limit) return;
  const { sender, message, outbox } = state;
  post(state, sender, outbox.get(sender) ?? null, message.headers, message.content);
}

function query(state, [actorRef, name, argsRef, path]) {
  const actor = resolve(state, actorRef);
  const args = state.workspace.read(resolve(state, argsRef));
  if (args?.kind !== "blob") throw failed("arguments that are no blob, or an erased one");
  const answer = askFor(state, actor, name, args.data);
  if (answer === undefined) state.core.write(path, ERROR);
  else if (answer === null) state.core.delete(path);
  else state.core.put(path, answer);
}

function askFor(state, actor, name, args) {
  try {
    return state.ask(state.workspace, actor, name, args);
  } catch (error) {
    if (error instanceof Refusal) return undefined; // for whatever reason
    throw error;
  }
}

function append(state, [path, data]) {
  if (!state.core.append(path, data)) throw failed("a tree or an erased blob cannot be appended to");
}

const op = (read, work, mayComeBeforeLeave = false) => ({ read, work, mayComeBeforeLeave });

/** byte -> {read(reader): operands in order, work(state, operands), mayComeBeforeLeave}. Spec: wit.puppet.exact. */
export const OPS = new Map([
  [
    0x50,
    op(
      (r) => [r.path(), r.u8()],
      (state, [path, ref]) => state.core.put(path, resolve(state, ref)),
    ),
  ],
  [
    0x57,
    op(
      (r) => [r.path(), r.data()],
      (state, [path, data]) => state.core.write(path, data),
    ),
  ],
  [0x41, op((r) => [r.path(), r.data()], append)],
  [
    0x44,
    op(
      (r) => [r.path()],
      (state, [path]) => state.core.delete(path),
    ),
  ],
  [0x53, op((r) => [r.u8(), r.u8(), r.text(), r.u8()], send)],
  [
    0x52,
    op(
      (r) => [r.u8()],
      (state, [ref]) => {
        state.outbox.delete(resolve(state, ref));
      },
    ),
  ],
  [0x42, op((r) => [r.u32()], bounce)],
  [0x51, op((r) => [r.u8(), r.text(), r.u8(), r.path()], query)],
  [0x4c, op((r) => [r.path()], leave, true)],
  [
    0x54,
    op(
      (r) => [r.u8()],
      ({ attempt }, [n]) => {
        if (attempt <= n) throw failed("one of the first attempts");
      },
      true,
    ),
  ],
  [
    0x46,
    op(
      () => [],
      () => {
        throw failed("fails on request");
      },
    ),
  ],
  [
    0x5a,
    op(
      (r) => [r.u16()],
      (state, [ms]) => ({ sleep: ms }),
      true,
    ),
  ],
  [
    0x58,
    op(
      (r) => [r.u8()],
      (state, [kind]) => {
        state.illegal = { kind, sender: state.sender, id: state.id };
      },
    ),
  ],
]);

function leave(state, [path]) {
  if (state.hasWorked) throw failed("leave after another op");
  if (!state.core.has(path)) throw new Held();
}

/** Append to the core as op A does. Throws Failure failed. */
export const appendToCore = append;
