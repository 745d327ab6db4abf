// Loaded by `node --import` before an instrumented build: appends the ids of the mutants that are reached, one a line, to $GRITSTONE_REACHED.
//
// All threads count into one shared array; the main thread writes what is new before each reply, and before the process ends itself.

import fs from "node:fs";
import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

const KEY = "gritstone-reached";
const MOST_MUTANTS = 1 << 16;
const file = process.env.GRITSTONE_REACHED;

if (file !== undefined) {
  if (isMainThread) setEnvironmentData(KEY, new SharedArrayBuffer(4 * MOST_MUTANTS));
  const counts = new Uint32Array(getEnvironmentData(KEY));
  globalThis.__stryker__ = { mutantCoverage: { static: counts, perTest: {} } };

  if (isMainThread) {
    const written = new Uint8Array(MOST_MUTANTS);
    const flush = () => {
      let lines = "";
      for (let id = 0; id < MOST_MUTANTS; id += 1) {
        if (counts[id] === 0 || written[id] === 1) continue;
        written[id] = 1;
        lines += `${id}\n`;
      }
      if (lines !== "") fs.appendFileSync(file, lines);
    };
    const { write } = process.stdout;
    process.stdout.write = function (...args) {
      flush();
      return write.apply(this, args);
    };
    const { kill } = process;
    process.kill = (...args) => {
      flush();
      return kill.apply(process, args);
    };
    process.on("exit", flush);
  }
}
