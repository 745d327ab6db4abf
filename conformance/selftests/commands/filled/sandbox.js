// A sandbox without an engine: it counts calls and shows what it was granted. See test_scaffolds.py.
export const NAME = "filled";
export const VERSION = "0.1";
const names = "abi.memory abi.wasi fuel table time traps keep atomic snapshot export tank suspend env random clock files";
export const FEATURES = names.split(" ").map((name) => `sandbox.${name}`);
export const FUEL_SLACK = 5;
export class Refused extends Error {}

export async function run(module, limits, grants) {
  if (module.subarray(0, 4).toString() !== "\0asm") return { outcome: "unresolved:module", instance: {} };
  const texts = [...(grants.args ?? []), ...Object.values(grants.env ?? {}), String(grants.clock ?? "")].join("");
  const output = Buffer.concat([Buffer.from([1]), grants.random ?? Buffer.alloc(0), Buffer.from(texts)]);
  const turned = Object.entries(grants.files ?? {}).map(([path, data]) => [path, Buffer.from(data).reverse()]);
  const files = grants.files && Object.fromEntries(turned);
  return { ...again({ calls: 0 }, limits), output, files };
}

export function again(instance, limits) {
  if (limits.suspend && limits.fuel === 1) return { outcome: "suspended", used: 1, instance };
  if (limits.ms === 1) return { outcome: "timeout" };
  instance.calls += 1;
  return { outcome: "done", output: [instance.calls], used: limits.fuel ?? limits.pages, instance };
}

export function close() {}

export function snapshot({ calls }) {
  if (calls === 3) throw new Refused("rejected");
  return { calls };
}

export const resume = ({ calls }) => ({ calls });

export const exportBytes = ({ calls }, fuel) => Buffer.from(fuel === null ? [99, calls] : [99, calls, fuel]);

export async function importBytes(data) {
  if (data.length < 2) throw new RangeError("too short");
  if (data[0] !== 99) throw new Refused("malformed");
  return { calls: data[1] };
}
