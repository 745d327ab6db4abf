// my-runtime as a sandbox: the functions that the adapter calls, to be filled in with the calls of my-runtime.
//
// The suite brings every module; nothing has to be ported. `gritstone doctor` reports what to fill in next, and
// docs/howto-sandbox.rst is the guide. Print only with console.error, because standard output carries the replies.

export const NAME = "my-runtime";
export const VERSION = "0.1";

// Claim only what you implement (harness.hello.honest). The floor is one ABI, and time or fuel (sandbox.hello.floor).
// ABIs: sandbox.abi.memory, sandbox.abi.wasi, sandbox.abi.extism (spec/sandbox/abi.rst).
// Then, one after another: sandbox.fuel, sandbox.table, sandbox.traps, sandbox.keep, sandbox.atomic, sandbox.snapshot,
// sandbox.export, sandbox.tank, sandbox.suspend, sandbox.wide, and with WASI sandbox.env, sandbox.random,
// sandbox.clock, sandbox.files.
export const FEATURES = ["sandbox.abi.memory", "sandbox.time"];

// For sandbox.fuel: the most units that a call may use before the engine notices that they are spent, up to 65,536.
export const FUEL_SLACK = 0;

// The request is refused. Throw it with the class malformed, invalid, rejected or exhausted.
export class Refused extends Error {}

// Each function may be async; a call that may loop without end belongs in a worker, which can be terminated.
//
// `limits` is {pages, ms, fuel, table, suspend}: the pages of 64 KiB of the memory, milliseconds (sandbox.time), your
// own units (sandbox.fuel), and the elements of all tables (sandbox.table). `pages` always holds; ignore another one if
// it is null or its feature is not claimed. If `suspend` is true and the fuel is spent, keep the call, and the outcome
// is "suspended" (sandbox.suspend); otherwise it is false.
//
// `run` and `again` return {outcome, output, used, instance, files}, of which all but the first are optional:
//   outcome   one of the texts of spec/sandbox/outcomes.rst. "done": the entry returned. "failed": a trap
//             ("failed:trap:<t>" with sandbox.traps). "timeout", "exhausted:fuel", "exhausted:stack": a limit.
//   output    if the outcome is "done", the bytes that the module wrote; its ABI defines where they are.
//   used      with sandbox.fuel, the units that the call used.
//   instance  with sandbox.keep, what `again` needs for the next call; omitted if nothing is left to be called. If
//             the request does not keep it, the adapter passes it to `close`.
//   files     with sandbox.files, if files were granted: an object of all files after the call.

// Instantiates a module, calls its entry once and reports how this ended. The entry is `run` (WASI: `_start`). A module
// that cannot run is "unresolved:module", also if the reason is an unknown import or a missing entry. `grants` is empty
// if none of sandbox.env, random, clock and files is claimed.
export async function run(module, limits, grants) {
  return { outcome: "unresolved:module" };
}

// Calls the entry of a kept instance once more, with the limits of this call (sandbox.keep). If the instance has a
// suspended call, continues this call instead (sandbox.suspend).
export async function again(instance, limits) {
  throw new Error("fill in `again` in sandbox.js");
}

// Frees an instance or a snapshot; if nothing has to be freed, leave it as it is (sandbox.keep).
export async function close(copy) {}

// Returns a copy of an instance that no later call changes (sandbox.snapshot).
export async function snapshot(instance) {
  throw new Error("fill in `snapshot` in sandbox.js");
}

// Returns a new instance with the state of a snapshot, and runs nothing (sandbox.snapshot).
export async function resume(snapshot) {
  throw new Error("fill in `resume` in sandbox.js");
}

// Returns a snapshot as bytes, for another process (sandbox.export). `fuel` is what the bytes carry out of the tank
// (sandbox.tank); null if the request has no such number.
export async function exportBytes(snapshot, fuel) {
  throw new Error("fill in `exportBytes` in sandbox.js");
}

// Returns the snapshot that these bytes contain, or refuses them: they come from outside (sandbox.export).
export async function importBytes(data) {
  throw new Error("fill in `importBytes` in sandbox.js");
}
