// Successors: flows that continue an interrupted flow with another program.

import { defectsOf } from "./first-core.js";
import { members } from "./values.js";

const SAME = ["wit", "wit_query", "name", "policy", "input", "refs", "facts", "erased", "starter"];

function carryOf(core) {
  const sum = (what) => core.state[what] + core.carried(what);
  const [calls, steps, tokens] = ["calls", "steps", "tokens"].map(sum);
  return members({ calls, replans: core.carried("replans") + 1n, steps, tokens });
}

/** Make the first core of the successor: its id. Spec: flow.replan.carries. */
function write(core, program) {
  const prior = [...new Map([...core.tree("prior"), ...core.tree("out")])];
  return core.writeTree({
    ...Object.fromEntries(SAME.map((name) => [name, core.current(name)])),
    program,
    from: core.actor,
    prior: prior.length === 0 ? undefined : core.workspace.write({ kind: "tree", entries: prior }),
    carry: core.writeDocument(carryOf(core)),
  });
}

/** Whether the program of a packet makes a successor, which becomes `successor` of the packet. Spec: flow.replan.rechecked. */
export function hasSuccessor(core, packet) {
  if (core.workspace.read(packet.program) === null) return false;
  packet.successor = write(core, packet.program);
  return defectsOf(core.workspace, packet.successor).length === 0;
}

/** Begin the successor. Spec: flow.replan.once. */
export function proceed(core, { program, successor }) {
  core.log("continued", { program: core.digestOf(program) });
  core.entries.set("next", successor);
  core.send(successor, "genesis", successor);
  core.send(successor, "flow.start", core.writeTree({ flow: successor }));
}
