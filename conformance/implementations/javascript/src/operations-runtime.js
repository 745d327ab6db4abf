// The operations of the profile runtime.

import { Misfit } from "./refusal.js";
import { Runtime } from "./runtime/runtime.js";
import { bytes, effect, handle, id, list, oneOf, pair, record, text, u64, uint } from "./shapes.js";

const runtime = handle;
const MOST_RELEASED = 32;

function startNeeds({ schedule, clock, workers = 1 }) {
  const needed = [];
  if (schedule === "chosen") needed.push("schedule");
  if (clock === "suite") needed.push("clock");
  if (workers > 1) needed.push("threads");
  return needed;
}

const start = {
  args: record(
    {
      runtime,
      store: handle,
      agent: text,
      schedule: oneOf("free", "chosen"),
      clock: oneOf("system", "suite"),
      base_ms: uint(),
      cap_ms: uint(),
      max_attempts: uint(1, 1000),
      transition_ms: uint(),
    },
    { workers: uint(1, 64) },
  ),
  needs: startNeeds,
  run({ runtime: word, store, ...config }, { handles, runtimes }) {
    const opened = handles.get(store).store;
    return { agent: runtimes.start(word, store, () => new Runtime(opened, config)) };
  },
};

const outcome = record({}, { ok: bytes, failed: text });

const needs = (feature) => () => [feature];
const done = () => ({});

const always = {
  "runtime.start": start,
  "runtime.inject": {
    args: record({ runtime, to: id, headers: list(pair(text, text)), content: id, mode: oneOf("queue", "signal") }),
    onRuntime: (args, started) => ({ message: started.inject(args) }),
  },
  "runtime.run": {
    args: record({ runtime, max_steps: uint(1) }),
    onRuntime: (args, started) => started.run(args.max_steps),
  },
  "runtime.query": {
    args: record({ runtime, actor: id, name: text, args: bytes }),
    onRuntime: ({ actor, name, args }, started) => started.query(actor, name, args),
  },
  "runtime.mail": {
    args: record({ runtime }),
    onRuntime: (args, started) => ({ mail: started.mail() }),
  },
  "runtime.ack": {
    args: record({ runtime, sender: id, message: id }),
    onRuntime: ({ sender, message }, started) => done(started.acknowledge(sender, message)),
  },
  "runtime.collect": {
    args: record({ runtime }),
    onRuntime: (args, started) => ({ removed: started.collect() }),
  },
  "runtime.release": {
    args: record({ runtime, actors: list(id, 1, MOST_RELEASED) }),
    onRuntime: ({ actors }, started) => ({ released: started.release(actors) }),
  },
  "runtime.cut": {
    args: record({ runtime }),
    onRuntime: (args, started) => ({ step: started.cut() }),
  },
  "runtime.stop": {
    args: record({ runtime, how: oneOf("drain", "now") }),
    run: (args, { runtimes }) => runtimes.stop(args.runtime, args.how).then(done),
  },
};

const chosen = {
  "runtime.ready": {
    args: record({ runtime }),
    needs: needs("schedule"),
    onRuntime: (args, started) => ({ choices: started.ready() }),
  },
  "runtime.choose": {
    args: record({ runtime, choice: uint() }),
    needs: needs("schedule"),
    onRuntime: (args, started) => started.choose(args.choice).then((step) => ({ step })),
  },
  "runtime.time": {
    args: record({ runtime, now_ms: u64 }),
    needs: needs("clock"),
    onRuntime: (args, started) => ({ due: started.moveTime(args.now_ms) }),
  },
};

const edge = {
  "runtime.effects": {
    args: record({ runtime }),
    needs: needs("effects"),
    onRuntime: (args, started) => ({ effects: started.effects() }),
  },
  "runtime.resolve": {
    args: record({ runtime, effect, outcome }),
    check(args) {
      if (Object.keys(args.outcome).length !== 1) throw new Misfit("outcome: exactly one of ok and failed");
    },
    needs: needs("effects"),
    onRuntime: (args, started) => done(started.resolve(args.effect, args.outcome)),
  },
};

/** The operations: name -> {args, needs(args): features, and onRuntime(args, runtime) or run(args, client)}. */
export const RUNTIME_OPERATIONS = { ...always, ...chosen, ...edge };
