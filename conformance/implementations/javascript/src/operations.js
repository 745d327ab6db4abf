// The operations: the arguments of each, the claims that it requires, and the function that runs it.
//
// The order of checks is that of the harness: is the operation known, are the arguments valid, are their claims made, is
// the handle open, and then everything else. Those of the profiles are loaded when the first of them is requested:
// that takes longer than all the rest of a start.

import { FORMATS, decodeObject, encodeObject, hashBytes } from "./formats.js";
import { Handles } from "./handles.js";
import { FEATURES, sayHello } from "./hello.js";
import { FRAME_BYTES } from "./limits.js";
import { FAULT_OPERATIONS } from "./operations-faults.js";
import { Misfit, exhausted } from "./refusal.js";
import * as shapes from "./shapes.js";
import { Runtimes } from "./runtime/runtimes.js";
import { transcode } from "./transcode.js";

const { bytes, flag, formatName, gritObject, handle, id, list, oneOf, orNone, path, record, text, uint, word } = shapes;

const PAGE = 4096; // ids in one grit.has, references in one grit.refs

const base64url = (buffer) => buffer.toString("base64url");
const format = (args) => FORMATS.get(args.format);

/** Check a condition between arguments that shapes do not see. */
const demand = (condition, what) => {
  if (!condition) throw new Misfit(what);
};

const nothing = () => ({});

const hello = {
  args: record({
    protocol: list(uint(1), 1),
    suite: word,
    spec: shapes.specVersion,
    frame_bytes: uint(4_194_304),
    window: uint(1),
  }),
  run(args, client) {
    const answer = sayHello(args, client.features);
    client.frameBytes ??= answer.limits.frame_bytes; // a later hello changes no state
    return answer;
  },
};

const objects = {
  "grit.id": {
    args: record({ format: formatName, bytes }),
    formats: (args) => [args.format],
    run: (args) => ({ id: hashBytes(format(args), args.bytes) }),
  },
  "grit.encode": {
    args: record({ format: formatName, object: gritObject }),
    formats: (args) => [args.format],
    run(args) {
      const encoded = encodeObject(format(args), args.object);
      return { bytes: base64url(encoded.bytes), id: encoded.id };
    },
  },
  "grit.decode": {
    args: record({ format: formatName, bytes }),
    formats: (args) => [args.format],
    run(args) {
      const decoded = decodeObject(format(args), args.bytes);
      return { object: shapes.spellObject(decoded.object), id: decoded.id };
    },
  },
};

const stores = {
  "grit.open": {
    args: record(
      { store: handle, format: formatName, backend: oneOf("memory", "durable"), create: flag },
      { dir: path },
    ),
    check: (args) => demand((args.dir !== undefined) === (args.backend === "durable"), "dir: exactly when durable"),
    formats: (args) => [args.format],
    run(args, { handles }) {
      handles.open(args.store, format(args), args);
      return {};
    },
  },
  "grit.close": {
    args: record({ store: handle }),
    run(args, { handles, runtimes }) {
      handles.get(args.store);
      runtimes.endAll(args.store);
      handles.close(args.store);
      return {};
    },
  },
  "grit.put": {
    args: record({ store: handle, bytes }, { id }),
    onStore: (args, store) => ({ id: store.put(args.bytes, args.id) }),
  },
  "grit.get": {
    args: record({ store: handle, id }),
    onStore: (args, store) => ({ bytes: base64url(store.get(args.id)) }),
  },
  "grit.has": {
    args: record({ store: handle, ids: list(id, 0, PAGE) }),
    onStore: (args, store) => ({ has: store.has(args.ids) }),
  },
  "grit.refs": {
    args: record({ store: handle, prefix: text, after: orNone(text), limit: uint(1, PAGE) }),
    onStore: (args, store) => store.list(args.prefix, args.after, args.limit),
  },
  "grit.cas": {
    args: record({ store: handle, changes: list(record({ name: text, old: orNone(id), new: orNone(id) })) }),
    onStore: (args, store) => store.swap(args.changes) ?? {},
  },
  "grit.erase": {
    args: record({ store: handle, id }),
    onStore: (args, store) => store.erase(args.id) ?? {},
  },
  "grit.prune": {
    args: record({ store: handle, pins: list(id) }),
    onStore: (args, store) => ({ removed: store.prune(args.pins) }),
  },
  "grit.damage": {
    args: record({ store: handle, id, offset: uint(), xor: uint(1, 255) }),
    onStore: (args, store) => store.damage(args.id, args.offset, args.xor) ?? {},
  },
};

const bundles = {
  "grit.export": {
    args: record({ store: handle }, { names: list(text), to: path, cursor: orNone(word) }),
    check: (args) => demand((args.to === undefined) !== (args.cursor === undefined), "exactly one of to and cursor"),
    run(args, { handles }) {
      const opened = handles.get(args.store);
      if (args.to !== undefined) return opened.exportTo(args.names, args.to);
      const piece = opened.exportPiece(args.names, args.cursor);
      return { bytes: base64url(piece.bytes), cursor: piece.cursor };
    },
  },
  "grit.import": {
    args: record({ store: handle }, { from: path, bytes, more: flag }),
    check(args) {
      const isPiece = args.bytes !== undefined && args.more !== undefined;
      const isNoPiece = args.bytes === undefined && args.more === undefined;
      demand(args.from === undefined ? isPiece : isNoPiece, "exactly one of from, and bytes with more");
    },
    run(args, { handles }) {
      const opened = handles.get(args.store);
      return args.from === undefined ? opened.importPiece(args.bytes, args.more) : opened.importFrom(args.from);
    },
  },
  "grit.transcode": {
    args: record({ from: formatName, to: formatName, bundle: bytes }),
    formats: (args) => [args.from, args.to],
    run(args, client) {
      const bundle = base64url(transcode(FORMATS.get(args.from), FORMATS.get(args.to), args.bundle));
      const room = (client.frameBytes ?? FRAME_BYTES) - 64; // for what stands around it
      if (bundle.length > room) throw exhausted("the new bundle does not fit into a frame");
      return { bundle };
    },
  },
};

const OPERATIONS = new Map(
  Object.entries({
    hello,
    ping: { args: record({}), run: nothing },
    bye: { args: record({}), run: nothing },
    ...objects,
    ...stores,
    ...bundles,
    ...FAULT_OPERATIONS,
  }),
);

const LATER = new Map([
  ["wit", async () => (await import("./operations-wit.js")).WIT_OPERATIONS],
  ["runtime", async () => (await import("./operations-runtime.js")).RUNTIME_OPERATIONS],
  ["wasm", async () => (await import("./operations-wasm.js")).WASM_OPERATIONS],
  ["session", async () => (await import("./operations-session.js")).SESSION_OPERATIONS],
  ["flow", async () => (await import("./operations-flow.js")).FLOW_OPERATIONS],
  ["image", async () => (await import("./operations-image.js")).IMAGE_OPERATIONS],
]);

async function load(profile) {
  const operations = await LATER.get(profile)();
  for (const [op, operation] of Object.entries(operations)) OPERATIONS.set(op, operation);
  LATER.delete(profile);
}

/** One client of the adapter: its open handles and the limits in force. */
export class Client {
  handles = new Handles();
  runtimes = new Runtimes();
  frameBytes = null; // bytes of a line that are in force; null before hello

  constructor(extraFeatures = []) {
    this.features = [...FEATURES, ...extraFeatures].sort();
  }

  /** Drop everything that is open. */
  close() {
    this.runtimes.endAll();
    this.handles.closeAll();
  }

  /**
   * Run a request: {ok} or {unsupported}, or a promise of {ok} if it has to wait. Throws, or the
   * promise is rejected with, Misfit, Refusal, or anything else for our own faults.
   */
  carryOut(op, args) {
    if (typeof op !== "string" || op === "") throw new Misfit("the request has no operation");
    const [profile] = op.split(".", 1);
    return LATER.has(profile) ? load(profile).then(() => this.#carryOut(op, args)) : this.#carryOut(op, args);
  }

  #carryOut(op, args) {
    const operation = OPERATIONS.get(op);
    if (operation === undefined) return { unsupported: { feature: op } };
    const parsed = operation.args(args, "args");
    operation.check?.(parsed);
    const unknown = operation.formats?.(parsed).find((name) => !FORMATS.has(name));
    if (unknown !== undefined) return { unsupported: { feature: unknown } };
    const unclaimed = operation.needs?.(parsed).find((feature) => !this.features.includes(feature));
    if (unclaimed !== undefined) return { unsupported: { feature: unclaimed } };
    const result = this.#start(operation, parsed);
    this.runtimes.wake(); // references may have changed
    return result instanceof Promise ? result.then((ok) => ({ ok })) : { ok: result };
  }

  #start(operation, args) {
    if (operation.onStore !== undefined) return operation.onStore(args, this.handles.get(args.store).store);
    if (operation.onRuntime !== undefined) return operation.onRuntime(args, this.runtimes.get(args.runtime));
    return operation.run(args, this);
  }
}
