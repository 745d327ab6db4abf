// The thread that guests run in. It runs the commands of the thread that serves them (guests.js), one command after the
// other; while a host call waits for its answer it takes commands too, since the host may call the guest meanwhile.

import { workerData } from "node:worker_threads";
import { Channel } from "./channel.js";
import { collect } from "./collect.js";
import { EngineEnd, OutOfFuel, Trap } from "./ends.js";
import { Instance } from "./engine.js";

const channel = new Channel(workerData);
let instance = null;

/** Thrown through the guest where its host has ended the call. */
class HostEnd extends Error {}

/** What both sides know of the instance whenever it stops. */
const standing = () => ({ fuel: instance.fuel, depth: instance.depth, pages: instance.pages });

function resume({ fuel, depth }) {
  instance.fuel = fuel;
  instance.depth = depth;
}

/** A host call: ask the host, and do what it says until it answers. */
function serve(name, args) {
  channel.send({ event: "host", name, args, ...standing() });
  for (;;) {
    const command = channel.receive();
    if (command.op === "answer") {
      resume(command);
      return command.value;
    }
    if (command.op === "end") {
      resume(command);
      throw new HostEnd();
    }
    channel.send(COMMANDS[command.op](command));
  }
}

function endOf(error) {
  if (error instanceof HostEnd) return { event: "ended" };
  if (error instanceof Trap) return { event: "trap", trap: error.trap };
  if (error instanceof OutOfFuel) return { event: "fuel" };
  return { event: "engine", message: error instanceof EngineEnd ? error.message : String(error) };
}

function call(command) {
  resume(command);
  try {
    const value = instance.call(command.name, ...command.args);
    return { event: "returned", value, ...standing() };
  } catch (error) {
    return { ...endOf(error), ...standing() };
  }
}

const COMMANDS = {
  instantiate({ module }) {
    try {
      instance = new Instance(module, serve);
    } catch (error) {
      return { event: "engine", message: String(error) };
    }
    return { event: "ready", memory: instance.sharedMemory, pages: instance.pages };
  },
  call,
  grow({ pages }) {
    instance.growTo(pages);
    return { event: "ready", pages: instance.pages };
  },
  setGlobals({ values }) {
    instance.setGlobals(values);
    return { event: "ready" };
  },
  getGlobals: () => ({ event: "ready", value: instance.getGlobals() }),
  exported: ({ name }) => ({ event: "ready", value: instance.exported(name) }),
  drop() {
    instance = null;
    return { event: "done" };
  },
  collect() {
    collect();
    return { event: "done" };
  },
};

channel.start();
for (;;) {
  const command = channel.receive();
  channel.send(COMMANDS[command.op](command));
}
