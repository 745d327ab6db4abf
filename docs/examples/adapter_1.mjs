// An adapter that answers hello, and nothing else.
import readline from "node:readline";

const HELLO = {
  protocol: 1,
  implementation: { name: "toy", version: "0.1", language: "javascript" },
  spec: ["0.6"],
  formats: ["framed-sha256"],
  profiles: [],
  features: [],
  limits: { window: 1, frame_bytes: 4194304 },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { seq, op } = JSON.parse(line);
  const answer = op === "hello" ? { ok: HELLO } : { unsupported: { feature: op } };
  process.stdout.write(JSON.stringify({ seq, ...answer }) + "\n");
}
