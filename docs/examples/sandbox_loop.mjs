// The loop of an adapter that lets the suite judge a sandbox.
//
// An adapter calls serve with a function that runs a module and a function that calls a kept instance again. This module
// does the rest: it reads requests, checks them, keeps the handles of instances, and writes replies.

const BOUNDS = { fuel: [1, 2 ** 53 - 1], pages: [16, 1_024], table: [0, 1_000_000], ms: [1, 60_000] };

// The request is refused, with this class.
class Refused extends Error {}

function checkArguments(args, members) {
  if (args?.constructor !== Object) throw new TypeError("args are missing or are not an object");
  const given = Object.keys(args);
  if (given.length !== members.length || !members.every((each) => Object.hasOwn(args, each))) throw new TypeError(`expected (${members}), got (${given})`);
}

function checkLimits(limits) {
  checkArguments(limits, Object.keys(BOUNDS));
  for (const [name, [least, most]] of Object.entries(BOUNDS)) {
    const limit = limits[name];
    if (limit === null && name !== "pages") continue;
    if (!Number.isSafeInteger(limit) || limit < least || limit > most) throw new TypeError(`${name} is out of bounds`);
  }
  if (limits.pages % 16) throw new TypeError("pages is no multiple of 16");
}

function bytesOf(text) {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw new TypeError("not the canonical base64url");
  return bytes;
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

// Answer requests until `bye` or the end of the input.
//
// run(module, limits, keep) and again(instance, limits) return { outcome, output, instance }: output is a Buffer, and instance
// is what the next call needs, or undefined if the instance cannot be called again. drop(instance) frees it.
export async function serve({ name, version, features, run, again, drop }) {
  const instances = new Map();
  let made = 0;
  const limits = { window: 64, frame_bytes: 16_777_216, fuel_slack: 0 };
  const claims = {
    protocol: 1,
    implementation: { name, version, language: "javascript" },
    spec: ["0.6"],
    formats: [],
    profiles: ["sandbox"],
    features: features.map((feature) => `sandbox.${feature}`).sort(),
  };

  // Return the name and the claims; the smaller limit of both sides applies.
  function hello({ protocol, suite, spec, frame_bytes, window }) {
    const isInteger = (value, least) => Number.isSafeInteger(value) && value >= least;
    const numbers = Array.isArray(protocol) && protocol.length > 0 && protocol.every((each) => isInteger(each, 1));
    const version = /^(?=.{3,16}$)(0|[1-9]\d*)\.(0|[1-9]\d*)$/;
    const texts = typeof suite === "string" && suite !== "" && typeof spec === "string" && version.test(spec);
    if (!numbers || !texts || !isInteger(frame_bytes, 4_194_304) || !isInteger(window, 1))
      throw new TypeError("invalid value");
    if (!protocol.includes(1)) throw new Refused("rejected");
    const smaller = {
      window: Math.min(window, limits.window),
      frame_bytes: Math.min(frame_bytes, limits.frame_bytes),
    };
    return { ...claims, limits: { ...limits, ...smaller } };
  }

  function known(handle) {
    if (typeof handle !== "string" || !/^[!-~]{1,128}$/.test(handle)) throw new TypeError("no handle");
    if (!instances.has(handle)) throw new Refused("missing");
    return instances.get(handle);
  }

  const written = ({ outcome, output }) => ({ outcome, output: (output ?? Buffer.of()).toString("base64url"), used: null });

  const operations = new Map(
    Object.entries({
      hello: [["protocol", "suite", "spec", "frame_bytes", "window"], hello],
      ping: [[], () => ({})],
      bye: [[], () => ({})],
      "sandbox.run": [
        ["module", "limits", "grants", "keep"],
        async ({ module, limits, grants, keep }) => {
          checkLimits(limits);
          checkArguments(grants, []);
          if (typeof keep !== "boolean") throw new TypeError("keep is no boolean");
          const report = await run(bytesOf(module), limits, keep);
          const handle = keep && report.instance ? `i${++made}` : null;
          if (handle !== null) instances.set(handle, report.instance);
          return { ...written(report), instance: handle };
        },
      ],
      "sandbox.again": [
        ["instance", "limits"],
        async ({ instance, limits }) => {
          checkLimits(limits);
          const report = await again(known(instance), limits);
          if (!report.instance) instances.delete(instance);
          return written(report);
        },
      ],
      "sandbox.close": [
        ["handle"],
        ({ handle }) => {
          drop(known(handle));
          instances.delete(handle);
          return {};
        },
      ],
    }),
  );

  // Answer one request; an exception in an operation must not end the process.
  async function answer(op, args) {
    if (!operations.has(op)) return { unsupported: { feature: op } };
    const [members, operation] = operations.get(op);
    try {
      checkArguments(args, members);
      return { ok: await operation(args) };
    } catch (fault) {
      if (fault instanceof Refused) return { refused: { class: fault.message } };
      return { error: { message: `${fault}` } };
    }
  }

  for await (const line of lines(process.stdin)) {
    const { seq, op, args } = JSON.parse(line);
    const reply = { seq, ...(await answer(op, args)) };
    process.stdout.write(JSON.stringify(reply) + "\n");
    if (op === "bye" && reply.ok) break;
  }
}
