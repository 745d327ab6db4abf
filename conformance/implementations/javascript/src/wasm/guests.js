// Where guests run: threads next to the one that serves them. A thread of its own has a native stack of a size that we
// choose, so stack units are what ends a recursion, and it can be ended from outside, so time is what ends a loop. Memory
// is shared between both, so host calls are served on it where it is.

import { MessageChannel, Worker } from "node:worker_threads";
import { Channel, STARTED } from "./channel.js";
import { collect } from "./collect.js";
import { EngineEnd, OutOfFuel, Trap } from "./ends.js";
import { PAGE_BYTES } from "./limits.js";

const STACK_MB = 64; // 65,536 stack units were seen to need less than 1
const IDLE_THREADS = 2; // that are kept
const SLICE_MS = 5; // for which a guest is waited for before others have their turn
const DROPPED_BYTES = 268_435_456; // of memory that is given up before garbage is collected
const DROPPED_MEMORIES = 500;
const START_MS = 4_000; // for a thread to start; then another one is tried
const START_ATTEMPTS = 3;
const NO_MEMORY = new Uint8Array(0);

const THREAD = new URL("./guest-thread.js", import.meta.url);

class GuestThread {
  isOver = false; // it has ended, by itself or because it was ended
  #worker;
  #channel;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    const signals = new Int32Array(new SharedArrayBuffer(12));
    this.#worker = new Worker(THREAD, {
      workerData: { port: port2, signals, side: 1 },
      transferList: [port2],
      resourceLimits: { stackSizeMb: STACK_MB },
      execArgv: [],
    });
    this.#worker.on("error", (error) => process.stderr.write(`${error.stack}\n`));
    this.#worker.on("exit", () => {
      this.isOver = true;
    });
    this.#worker.unref();
    port1.unref();
    this.#channel = new Channel({ port: port1, signals, side: 0 });
    this.hasStarted = Atomics.wait(signals, STARTED, 0, START_MS) !== "timed-out";
  }

  send(command) {
    this.#channel.send(command);
  }

  /** Send a command and wait for what it gives. */
  tell(command) {
    this.send(command);
    return this.receive();
  }

  receive(ms) {
    return this.#channel.receive(ms);
  }

  /** End it, whatever it does. */
  end() {
    this.#worker.terminate();
  }
}

const idle = [];

/** A thread that is idle, or undefined. */
function idleThread() {
  while (idle.length > 0 && idle.at(-1).isOver) idle.pop();
  return idle.pop();
}

function newThread() {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    const thread = new GuestThread();
    if (thread.hasStarted) return thread;
    thread.end();
  }
  throw new Error("no thread for guests starts");
}

/** Memory that was given up and may not be free yet: both threads have to see that it is garbage. */
const dropped = {
  bytes: 0,
  memories: 0,
  add(bytes) {
    this.bytes += bytes;
    this.memories += 1;
    if (this.bytes < DROPPED_BYTES && this.memories < DROPPED_MEMORIES) return;
    for (const thread of idle) thread.tell({ op: "collect" });
    collect();
    this.bytes = 0;
    this.memories = 0;
  },
};

/** An instance in a thread of its own, with the interface of Instance (engine.js). */
export class Guest {
  #thread;
  #host;
  #memory = null;
  #view = NO_MEMORY;
  #running = 0; // calls that have not ended, one in the other
  fuel = 0n;
  depth = 0;
  pages = 0;

  /** As of Instance. Throws EngineEnd if the engine has no room for it. */
  constructor(module, host) {
    this.#host = host;
    this.#thread = idleThread() ?? newThread();
    const { compiled, imports, mutables } = module;
    const names = imports.map(({ name }) => ({ name }));
    const { memory } = this.#ask({ op: "instantiate", module: { compiled, imports: names, mutables } });
    this.#memory = memory ?? null;
  }

  get memory() {
    if (this.#memory === null) return NO_MEMORY;
    if (this.#view.length !== this.pages * PAGE_BYTES) {
      this.#memory.grow(0); // makes this thread see that it has grown
      this.#view = new Uint8Array(this.#memory.buffer);
    }
    return this.#view;
  }

  growTo(pages) {
    if (pages > this.pages) this.#ask({ op: "grow", pages });
  }

  getGlobals() {
    return this.#ask({ op: "getGlobals" }).value;
  }

  setGlobals(values) {
    this.#ask({ op: "setGlobals", values });
  }

  exported(name) {
    return this.#ask({ op: "exported", name }).value;
  }

  charge(units) {
    const left = this.fuel - BigInt(units);
    this.fuel = left < 0n ? -1n : left;
    if (left < 0n) throw new OutOfFuel();
  }

  /** Call an exported function and wait for its end, as long as it may take. */
  call(name, ...args) {
    const calling = this.#calling(Infinity, name, args);
    return calling.next().value;
  }

  /** The same as a generator that yields {sleep: milliseconds} now and then, so that others have their turn. */
  calling(name, ...args) {
    return this.#calling(SLICE_MS, name, args);
  }

  *#calling(ms, name, args) {
    const { fuel, depth } = this;
    this.#running += 1;
    this.#thread.send({ op: "call", name, args, fuel, depth });
    let sliceEnd = performance.now() + ms;
    for (;;) {
      const event = this.#thread.receive(ms);
      if (event === null) yield this.#wait();
      else if (this.#note(event).event === "host") {
        this.#serve(event);
        if (performance.now() < sliceEnd) continue;
        yield { sleep: 0 }; // others have their turn, although the guest is heard of all the time
      } else {
        this.#running -= 1;
        return this.#endOf(event);
      }
      sliceEnd = performance.now() + ms;
    }
  }

  /** What to do while nothing is heard of the guest. */
  #wait() {
    if (this.#thread.isOver) throw new EngineEnd("the thread of the guest has ended");
    return { sleep: 1 };
  }

  /** The guest is not needed any more. One that still runs is ended. */
  close() {
    if (this.#thread === null) return;
    const thread = this.#thread;
    const hadMemory = this.#memory !== null;
    this.#thread = null;
    this.#memory = null;
    this.#view = NO_MEMORY;
    if (this.#running > 0 || idle.length >= IDLE_THREADS) thread.end();
    else {
      thread.tell({ op: "drop" });
      idle.push(thread);
    }
    if (hadMemory) dropped.add(this.pages * PAGE_BYTES);
  }

  #thrown = null; // by the host, on its way through the guest

  #serve({ name, args }) {
    try {
      const value = this.#host(name, args, this);
      this.#thread.send({ op: "answer", value, fuel: this.fuel, depth: this.depth });
    } catch (error) {
      this.#thrown = error;
      this.#thread.send({ op: "end", fuel: this.fuel, depth: this.depth });
    }
  }

  #endOf({ event, value, trap, message }) {
    if (event === "returned") return value;
    if (event === "ended") throw this.#thrown;
    if (event === "trap") throw new Trap(trap);
    throw event === "fuel" ? new OutOfFuel() : new EngineEnd(message);
  }

  #ask(command) {
    const event = this.#note(this.#thread.tell(command));
    if (event.event === "engine") throw new EngineEnd(event.message);
    return event;
  }

  #note(event) {
    const { fuel = this.fuel, depth = this.depth, pages = this.pages } = event;
    Object.assign(this, { fuel, depth, pages });
    return event;
  }
}
