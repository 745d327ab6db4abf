// The operations of the profile flow. They change neither stores nor runtimes.

import { check } from "./flow/check.js";
import { evaluate, parse } from "./flow/expressions.js";
import { measure } from "./flow/metrics.js";
import { replay } from "./flow/replay.js";
import { readTemplate, render } from "./flow/templates.js";
import { decodeValue, encodeValue } from "./flow/values.js";
import { malformed } from "./refusal.js";
import { bytes, handle, id, list, record, text } from "./shapes.js";

const NAMESPACES = new Set(["input", "out", "prior", "args", "dep", "tool"]);

/** Throws Refusal malformed or exhausted. Spec: flow.eval.refused. */
function readEnv(encoded) {
  const env = decodeValue(encoded);
  const isEnv = env instanceof Map && [...env].every(([name, value]) => NAMESPACES.has(name) && value instanceof Map);
  if (!isEnv) throw malformed("env is not a map of namespaces");
  return env;
}

/** The operations: name -> {args, run(args)}. */
export const FLOW_OPERATIONS = {
  "flow.check": {
    args: record({ program: bytes, policy: bytes, input: bytes, peers: list(text), refs: list(text) }),
    run: (args) => ({ defects: check(args) }),
  },
  "flow.eval": {
    args: record({ expr: text, env: bytes }),
    run({ expr, env }) {
      const read = readEnv(env);
      return { value: evaluate(parse(expr), read) };
    },
  },
  "flow.render": {
    args: record({ template: bytes, env: bytes }),
    run({ template, env }) {
      const read = readEnv(env);
      const rendered = render(readTemplate(decodeValue(template)), read);
      return { value: encodeValue(rendered).toString("base64url") };
    },
  },
  "flow.replay": {
    args: record({ store: handle, step: id }),
    onStore({ step }, store) {
      store.backend.refresh();
      return replay(store, step);
    },
  },
  "flow.metrics": {
    args: record({ trace: bytes, baselines: list(list(text)) }),
    run: ({ trace, baselines }) => measure(trace, baselines),
  },
};
