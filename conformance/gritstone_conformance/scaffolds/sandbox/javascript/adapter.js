// The adapter that connects my-runtime to the conformance suite, as a sandbox. `sandbox.js` has what to fill in.
//
// It reads one request per line on standard input and writes one reply per line on standard output. It decodes and
// checks the arguments, keeps the handles of instances and snapshots, and calls the functions of `sandbox.js`.

import * as sandbox from "./sandbox.js";

const { FEATURES, FUEL_SLACK, NAME, Refused, VERSION } = sandbox;
const WINDOW = 64;
const FRAME_BYTES = 16_777_216;
const BOUNDS = { pages: [16, 1024], ms: [1, 60_000], fuel: [1, Number.MAX_SAFE_INTEGER], table: [0, 1_000_000] };
const COPIES = new Map(); // handle to instance (i1) or snapshot (s2)
let number = 0;

const isInteger = (value, least, most = Infinity) => Number.isSafeInteger(value) && value >= least && value <= most;
const isText = (value) => typeof value === "string";

// Return the name and the claims; the smaller limit of both sides applies.
function hello({ protocol, suite, spec, frame_bytes, window }) {
  const numbers = Array.isArray(protocol) && protocol.length > 0 && protocol.every((each) => isInteger(each, 1));
  const version = /^(?=.{3,16}$)(0|[1-9]\d*)\.(0|[1-9]\d*)$/;
  const texts = isText(suite) && suite !== "" && isText(spec) && version.test(spec);
  if (!numbers || !texts || !isInteger(frame_bytes, 4_194_304) || !isInteger(window, 1))
    throw new TypeError("invalid value");
  if (!protocol.includes(1)) throw new Refused("rejected");
  return {
    protocol: 1,
    implementation: { name: NAME, version: VERSION, language: "javascript" },
    spec: ["0.6"],
    formats: [],
    profiles: ["sandbox"],
    features: FEATURES,
    limits: {
      window: Math.min(window, WINDOW),
      frame_bytes: Math.min(frame_bytes, FRAME_BYTES),
      fuel_slack: FUEL_SLACK,
    },
  };
}

// Run a module; keep its instance if this is asked for.
async function run({ module, limits, grants, keep, suspend }) {
  if (typeof keep !== "boolean" || (keep && !FEATURES.includes("sandbox.keep")))
    throw new TypeError("keep is invalid or not claimed");
  if (suspend !== undefined && !keep) throw new TypeError("suspend needs keep");
  const ended = await sandbox.run(bytesOf(module), limitsOf(limits, suspend), grantsOf(grants));
  const isKept = keep && ended.instance != null && !ended.outcome.startsWith("unresolved");
  if (!isKept && ended.instance != null) await sandbox.close(ended.instance);
  return { ...report(ended), instance: isKept ? kept("i", ended.instance) : null };
}

// Call the entry of a kept instance; drop the handle if no instance is left.
async function again({ instance, limits, suspend }) {
  const within = limitsOf(limits, suspend);
  const ended = await sandbox.again(known(instance, "i"), within);
  if (ended.instance == null) COPIES.delete(instance);
  else COPIES.set(instance, ended.instance);
  return report(ended);
}

// Drop an instance or a snapshot.
async function close({ handle }) {
  await sandbox.close(known(handle, "is"));
  COPIES.delete(handle);
  return {};
}

// Return the reply to a call; `used` is null without sandbox.fuel.
function report({ outcome, output = "", used = 0, files }) {
  const reply = { outcome, output: textOf(output), used: FEATURES.includes("sandbox.fuel") ? used : null };
  if (files) reply.files = mapped(files, textOf);
  return reply;
}

// Return a new handle of an instance or a snapshot.
function kept(kind, copy) {
  const handle = `${kind}${(number += 1)}`;
  COPIES.set(handle, copy);
  return handle;
}

// Return what a handle names; a handle of the other kind is missing too.
function known(handle, kinds) {
  if (!isText(handle) || !/^[!-~]{1,128}$/.test(handle)) throw new TypeError("a handle is invalid");
  if (!COPIES.has(handle) || !kinds.includes(handle[0])) throw new Refused("missing");
  return COPIES.get(handle);
}

// Decode the limits of a call, and `suspend`: without it a call whose fuel is spent is not kept.
function limitsOf(limits, suspend = false) {
  if (typeof suspend !== "boolean") throw new TypeError("suspend is no truth value");
  takes(limits, Object.keys(BOUNDS));
  for (const [name, [least, most]] of Object.entries(BOUNDS)) {
    const isNone = limits[name] === null && name !== "pages";
    if (!isNone && !isInteger(limits[name], least, most)) throw new TypeError(`the limit ${name} is out of range`);
  }
  if (limits.pages % 16) throw new TypeError("the limit pages is not a multiple of 16");
  return { ...limits, suspend };
}

// The grants: each with its feature, and what decodes or checks it. `clock` is in nanoseconds.
const check = (isValid) => (value) => {
  if (!isValid(value)) throw new TypeError("a grant is invalid");
  return value;
};
const GRANTS = new Map([
  ["args", ["sandbox.env", check((value) => Array.isArray(value) && value.every(isText))]],
  ["env", ["sandbox.env", check((value) => Object.values(value).every(isText))]],
  ["random", ["sandbox.random", (value) => bytesOf(value)]],
  ["clock", ["sandbox.clock", check((value) => isInteger(value, 0))]],
  ["files", ["sandbox.files", (value) => mapped(value, bytesOf)]],
]);

function grantsOf(grants) {
  takes(grants, Object.keys(grants ?? {}));
  const decoded = Object.entries(grants).map(([name, value]) => {
    const [feature, decode] = GRANTS.get(name) ?? [];
    if (!FEATURES.includes(feature)) throw new TypeError(`the grant ${name} is not claimed`);
    return [name, decode(value)];
  });
  return Object.fromEntries(decoded);
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, each]) => [name, change(each)]));
}

// Bytes travel as base64url without padding (harness.bytes.canonical).
const textOf = (bytes) => Buffer.from(bytes).toString("base64url");

function bytesOf(text) {
  const bytes = Buffer.from(isText(text) ? text : "!", "base64url");
  if (textOf(bytes) !== text) throw new TypeError("bytes are not base64url without padding");
  return bytes;
}

// An object has these members and no others.
function takes(value, members) {
  if (value?.constructor !== Object) throw new TypeError("expected an object");
  const given = Object.keys(value);
  if (given.length !== members.length || !members.every((name) => Object.hasOwn(value, name)))
    throw new TypeError(`expected (${members}), got (${given})`);
}

// The members that arguments may have as well, if a feature is claimed.
const OPTIONAL = {
  "sandbox.run": ["suspend", "sandbox.suspend"],
  "sandbox.again": ["suspend", "sandbox.suspend"],
  "sandbox.export": ["fuel", "sandbox.tank"],
};

// The operations: the feature that each needs, the members of its arguments, and a function. Others are answered
// `unsupported` (harness.reply.total).
const OPERATIONS = new Map(
  Object.entries({
    hello: ["", ["protocol", "suite", "spec", "frame_bytes", "window"], hello],
    ping: ["", [], () => ({})],
    bye: ["", [], () => ({})],
    "sandbox.run": ["", ["module", "limits", "grants", "keep"], run],
    "sandbox.again": ["sandbox.keep", ["instance", "limits"], again],
    "sandbox.close": ["sandbox.keep", ["handle"], close],
    "sandbox.snapshot": [
      "sandbox.snapshot",
      ["instance"],
      async ({ instance }) => ({ snapshot: kept("s", await sandbox.snapshot(known(instance, "i"))) }),
    ],
    "sandbox.resume": [
      "sandbox.snapshot",
      ["snapshot"],
      async ({ snapshot }) => ({ instance: kept("i", await sandbox.resume(known(snapshot, "s"))) }),
    ],
    "sandbox.export": [
      "sandbox.export",
      ["snapshot"],
      async ({ snapshot, fuel = null }) => ({ bytes: textOf(await sandbox.exportBytes(known(snapshot, "s"), fuel)) }),
    ],
    "sandbox.import": [
      "sandbox.export",
      ["bytes"],
      async ({ bytes }) => ({ snapshot: kept("s", await sandbox.importBytes(bytesOf(bytes))) }),
    ],
  }),
);

// Answer one request; an exception in an operation must not end the process.
async function answer(op, args) {
  const [feature, members, operation] = OPERATIONS.get(op) ?? [op];
  if (feature !== "" && (!operation || !FEATURES.includes(feature))) return { unsupported: { feature } };
  try {
    const [more, needed] = OPTIONAL[op] ?? [];
    const isMore = args?.[more] !== undefined && FEATURES.includes(needed);
    takes(args, isMore ? [...members, more] : members);
    if (isMore && more === "fuel" && !isInteger(args.fuel, 0)) throw new TypeError("fuel is out of range");
    return { ok: await operation(args) };
  } catch (fault) {
    if (fault instanceof Refused) return { refused: { class: fault.message } };
    return { error: { message: `${fault}`.slice(0, 1000) } }; // invalid arguments, or a fault
  }
}

// Lines end at LF only: a text may contain the other characters that `node:readline` treats as line ends.
async function* lines(stream) {
  let begun = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end; (end = chunk.indexOf(10, start)) >= 0; start = end + 1) {
      yield Buffer.concat([...begun, chunk.subarray(start, end)]).toString();
      begun = [];
    }
    begun.push(chunk.subarray(start));
  }
}

// Answer each line, and end after `bye` or when the input ends (harness.process.ends).
for await (const line of lines(process.stdin)) {
  const { seq, op, args } = JSON.parse(line); // in Node it reads any depth (harness.reply.deep-args)
  // One write is a complete line, which is not buffered (harness.frame.flush): the suite waits for it.
  const reply = { seq, ...(await answer(op, args)) };
  process.stdout.write(JSON.stringify(reply) + "\n");
  if (op === "bye" && reply.ok) break;
}
for (const copy of COPIES.values()) await sandbox.close(copy); // a worker would keep the process alive
