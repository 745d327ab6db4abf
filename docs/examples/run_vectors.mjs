// Run golden vectors in plain JavaScript, on conformance/implementations/javascript: no suite, no adapter, no process.
import { readFileSync, readdirSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { Client } from "../../conformance/implementations/javascript/src/operations.js";
import { Refusal } from "../../conformance/implementations/javascript/src/refusal.js";

const HAVE = { formats: ["framed-sha256", "cbor-blake3"], features: ["erase", "transcode", "damage"], profiles: ["grit"] };

// Your runtime: carry out one request; {ok}, {refused, code}, {unsupported} or {error}.
function answer(runtime, { op, args }) {
  try {
    return runtime.carryOut(op, args);
  } catch (problem) {
    if (problem instanceof Refusal) return { refused: problem.refusalClass, code: problem.code };
    return { error: String(problem) };
  }
}

const isName = (value) => value !== null && typeof value === "object" && Object.keys(value).join() === "$";

// Put what was bound in place of {"$": name}.
function fill(value, bound) {
  if (isName(value)) return bound.get(value.$);
  if (Array.isArray(value)) return value.map((item) => fill(item, bound));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, fill(item, bound)]));
}

// Compares the actual with the expected value. Binds names at their first occurrence.
function matches(want, got, bound) {
  if (isName(want) && want.$ === "any") return true;
  if (isName(want) && !bound.has(want.$)) return bound.set(want.$, got) && got !== undefined;
  if (isName(want)) return isDeepStrictEqual(bound.get(want.$), got);
  if (Array.isArray(want) && Array.isArray(got) && want.length === got.length)
    return want.every((item, at) => matches(item, got[at], bound));
  if (want === null || typeof want !== "object" || Array.isArray(want)) return Object.is(want, got);
  if (got === null || typeof got !== "object" || Array.isArray(got)) return false;
  return [...new Set([...Object.keys(want), ...Object.keys(got)])].every((name) => matches(want[name], got[name], bound));
}

function meets(expect, got, bound) {
  if (expect.any) return expect.any.some((one) => meets(one, got, bound));
  if (expect.ok) return "ok" in got && matches(expect.ok, JSON.parse(JSON.stringify(got.ok)), bound);
  if (expect.refused) return got.refused === expect.refused && (expect.code ?? got.code) === got.code;
  return expect.unsupported ? "unsupported" in got : "error" in got;
}

function verdict({ requires = {}, status = "active", steps }) {
  if (status !== "active" || Object.keys(requires).some((key) => requires[key].some((one) => !HAVE[key].includes(one))))
    return "skip";
  const runtime = new Client();
  const bound = new Map();
  return steps.every((step) => meets(step.expect, answer(runtime, { ...step, args: fill(step.args, bound) }), bound))
    ? "pass"
    : "fail";
}

const folder = process.argv[2];
const files = readdirSync(folder, { recursive: true }).filter((name) => name.startsWith("grit/") && name.endsWith(".json"));
const cases = files.flatMap((name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8")).cases);
const verdicts = new Map(cases.map((one) => [one.name, verdict(one)]));
for (const { name, twin } of cases) if (twin && verdicts.get(twin) !== "pass") verdicts.set(name, "skip");
const count = (word) => [...verdicts.values()].filter((one) => one === word).length;
for (const [name, word] of verdicts) if (word === "fail") console.log(`fail ${name}`);
console.log(`${count("pass")} pass, ${count("fail")} fail, ${count("skip")} skip`);
process.exitCode = count("fail") ? 1 : 0;
