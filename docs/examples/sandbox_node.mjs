// An adapter that lets the suite judge the WebAssembly of Node.js as a sandbox.
//
// Nothing but the end of its thread stops a loop of WebAssembly, so each module runs in a worker. The engine names a trap
// in the text of an error only, so this adapter claims no traps and reads no text.
import { once } from "node:events";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

import { serve } from "./sandbox_loop.mjs";

// Imports a function "run" [] -> []. Linking checks the type of an exported function, which the API does not show.
const ENTRY = new WebAssembly.Module(
  Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 8, 1, 0, 3, 114, 117, 110, 0, 0),
);

// In a worker: instantiate a module and call its entry, or call it again if there is no module.
let exports;
function call(module) {
  try {
    if (module !== null) {
      exports = undefined;
      const code = new WebAssembly.Module(module);
      if (WebAssembly.Module.imports(code).length > 0) return { outcome: "unresolved:import" };
      ({ exports } = new WebAssembly.Instance(code));
      if (typeof exports.run !== "function") return { outcome: "unresolved:export" };
      new WebAssembly.Instance(ENTRY, { "": { run: exports.run } });
    }
  } catch (fault) {
    const names = [
      [WebAssembly.LinkError, "unresolved:export"],
      [RangeError, "unresolved:limit"],
    ];
    return { outcome: names.find(([kind]) => fault instanceof kind)?.[1] ?? "unresolved:module" };
  }
  try {
    exports.run();
  } catch (fault) {
    if (fault instanceof RangeError) return { outcome: "exhausted:stack" };
    if (fault instanceof WebAssembly.RuntimeError) return { outcome: "failed" };
    throw fault;
  }
  const memory = exports.memory.buffer;
  const size = Math.min(new DataView(memory).getUint32(8, true), 4_080);
  return { outcome: "done", output: new Uint8Array(memory, 16, size).slice() };
}

// Workers that have no instance.
const idle = [];

async function begin() {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, "message");
  return worker;
}

// Send a request to a worker, and end the worker if it takes too long.
async function ask(worker, module, limits) {
  let clock;
  const replied = once(worker, "message").then(([report]) => ({ ...report, instance: worker }));
  const late = new Promise((resolve) => {
    if (limits.ms !== null) clock = setTimeout(resolve, limits.ms, { outcome: "timeout" });
  });
  worker.postMessage(module);
  const report = await Promise.race([replied, late]);
  clearTimeout(clock);
  if (report.outcome === "timeout") await worker.terminate();
  return { ...report, output: Buffer.from(report.output ?? []) };
}

async function run(module, limits, keep) {
  const worker = idle.pop() ?? (await begin());
  const report = await ask(worker, module, limits);
  if (report.instance && (!keep || report.outcome !== "done")) {
    drop(worker);
    delete report.instance;
  }
  return report;
}

function drop(worker) {
  idle.push(worker);
}

if (isMainThread) {
  const features = ["abi.memory", "keep", "time"];
  await serve({ name: "node", version: process.versions.node, features, run, drop, again: (worker, limits) => ask(worker, null, limits) });
  process.exit();
} else {
  parentPort.on("message", (module) => parentPort.postMessage(call(module)));
  parentPort.postMessage("ready");
}
