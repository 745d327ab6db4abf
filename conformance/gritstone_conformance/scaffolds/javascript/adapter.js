// The adapter that connects my-runtime to the conformance suite.
//
// It reads one request per line on standard input and writes one reply per line on standard output. Write only
// replies to standard output, and other text with console.error.

const HELLO = {
  protocol: 1,
  implementation: { name: "my-runtime", version: "0.1", language: "javascript" },
  // The versions of the spec that my-runtime implements.
  spec: ["0.6"],
  // "cbor-blake3" is the other format.
  formats: ["framed-sha256"],
  // First ["grit"], then "wit", "runtime" and "wasm". Claim only what you implement (harness.hello.honest).
  profiles: [],
  // Optional features; harness.hello.closed lists what each requires.
  features: [],
  limits: {
    // A profile requires limits, which the suite tests (harness.hello.limits). These are the minimums of grit:
    // object_bytes: 1_048_576, tree_depth: 1024, cas_names: 64, refs: 10_000,
    window: 64,
    frame_bytes: 16_777_216,
  },
};

// The request is refused. Throw it with the class malformed, invalid, missing, rejected or exhausted.
class Refused extends Error {
  constructor(refusal, message, code) {
    super(message);
    this.answer = { class: refusal, message, ...(code && { code }) };
  }
}

// Return the name and the claims; the smaller limit of both sides applies.
function hello({ protocol, suite, spec, frame_bytes, window }) {
  const isInteger = (value, least) => Number.isSafeInteger(value) && value >= least;
  const numbers = Array.isArray(protocol) && protocol.length > 0 && protocol.every((each) => isInteger(each, 1));
  const version = /^(?=.{3,16}$)(0|[1-9]\d*)\.(0|[1-9]\d*)$/;
  const texts = typeof suite === "string" && suite !== "" && typeof spec === "string" && version.test(spec);
  if (!numbers || !texts || !isInteger(frame_bytes, 4_194_304) || !isInteger(window, 1))
    throw new TypeError("invalid value");
  if (!protocol.includes(1)) throw new Refused("rejected", "only protocol 1 is supported");
  const { limits } = HELLO;
  const bounds = {
    window: Math.min(window, limits.window),
    frame_bytes: Math.min(frame_bytes, limits.frame_bytes),
  };
  return { ...HELLO, limits: { ...limits, ...bounds } };
}

// The operations, each with the members of its arguments and a function. A name that is not here is answered
// `unsupported` (harness.reply.total), so the adapter conforms while you add one operation after another:
//
//     "grit.id": [["format", "bytes"], ({ format, bytes }) => ({ id: myRuntime.idOf(format, bytesOf(bytes)) })],
//
// Names, arguments and answers are listed in spec/harness/operations.rst; bytes are sent as base64url without padding
// (harness.bytes.canonical). Start with grit.id, grit.decode and grit.encode, then run the doctor to see what is next.
const OPERATIONS = new Map(
  Object.entries({
    hello: [["protocol", "suite", "spec", "frame_bytes", "window"], hello],
    ping: [[], () => ({})],
    bye: [[], () => ({})],
  }),
);

// Answer one request; an exception in an operation must not end the process.
function answer(op, args) {
  if (!OPERATIONS.has(op)) return { unsupported: { feature: op } };
  const [members, operation] = OPERATIONS.get(op);
  try {
    if (args?.constructor !== Object) throw new TypeError("args are missing or are not an object");
    const given = Object.keys(args);
    if (given.length !== members.length || !members.every((name) => Object.hasOwn(args, name)))
      throw new TypeError(`${op} takes (${members}), got (${given})`);
    return { ok: operation(args) };
  } catch (fault) {
    if (fault instanceof Refused) return { refused: fault.answer };
    return { error: { message: `${fault}` } }; // invalid arguments, or a fault (harness.reply.fault-is-error)
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
  const reply = { seq, ...answer(op, args) };
  process.stdout.write(JSON.stringify(reply) + "\n");
  if (op === "bye" && reply.ok) break;
}
