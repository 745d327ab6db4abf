// The code external:flow/1: a function of the step before and of the messages that it covers.

import { typeOf } from "../wit/channels.js";
import { failed } from "../wit/failure.js";
import { writeStep } from "../wit/steps.js";
import { answer } from "./answers.js";
import { takeEvent, takeFired, takeReceipt, takeResult } from "./calls.js";
import { Core, firstState, inKeyOrder } from "./core.js";
import { hasFlowCode } from "./documents.js";
import { advance, start } from "./entering.js";
import { defectsOf } from "./first-core.js";
import { failureOf, finish } from "./leaving.js";
import { readMessage } from "./messages.js";
import { proceed } from "./successors.js";

const MOST_OF_SENDER = 64; // messages that one step covers
const MOST_NODES = 1000; // after which a step covers no further message
const PAUSE_MESSAGES = 64; // messages after which others get their turn

/** Spec: flow.start.born. */
function checkBorn(workspace, actor) {
  if (!hasFlowCode(workspace, actor)) throw failed("the first core is not that of a flow");
}

/** Spec: flow.erase.asked. */
function erase(core, { doc }) {
  const before = core.erased;
  const names = doc.get("refs").filter((name) => !before.has(name));
  core.log("erased", { refs: names });
  core.entries.set("erased", core.writeDocument(inKeyOrder([...before, ...names])));
  const [eraser] = core.single("eraser");
  if (eraser === undefined) return;
  const packet = core.packet(
    new Map([
      ["flow", 1n],
      ["refs", names],
    ]),
    { refs: core.refsTree(names) },
  );
  core.send(core.peer(eraser), "flow.erase", packet);
}

/** mt -> effect(core, packet) of a message that is not ignored. */
const EFFECTS = new Map([
  ["flow.result", (core, packet) => takeResult(core, packet.place, packet)],
  ["flow.fired", (core, { place }) => takeFired(core, place)],
  ["flow.event", (core, packet) => takeEvent(core, packet.place, packet)],
  ["flow.cancel", (core) => finish(core, "failed", { failure: failureOf({ node: core.state.at }, "cancelled") })],
  ["flow.erase", erase],
  ["flow.erased", (core, { names }) => core.log("gone", { refs: names })],
  ["flow.replan", proceed],
  ["flow.start", start],
  ["receipt", (core, { place }) => takeReceipt(core, place)],
]);

function carryOut(core, { sender, message }) {
  const mt = typeOf(message);
  const read = readMessage(core, mt, { sender, headers: new Map(message.headers), content: message.content });
  if (read.reason !== undefined) {
    core.log("ignored", { why: read.reason });
    return;
  }
  EFFECTS.get(mt)(core, read.packet);
  advance(core);
}

/** Spec: flow.step.order, flow.step.bound, flow.step.fold. */
function* readMessages(run) {
  const { workspace, actor, last, proposal } = run;
  const [inbox, outbox, counts] = [new Map(last.inbox), new Map(last.outbox), new Map()];
  const core = new Core(workspace, actor, last.core, outbox).load();
  core.requireDocuments();
  let entered = 0;
  for (const [i, each] of proposal.covered.entries()) {
    const count = counts.get(each.sender) ?? 0;
    if (entered >= MOST_NODES) break;
    if (count >= MOST_OF_SENDER) continue;
    counts.set(each.sender, count + 1);
    core.moves = 0;
    carryOut(core, each);
    entered += core.moves;
    inbox.set(each.sender, each.id);
    if (i % PAUSE_MESSAGES === PAUSE_MESSAGES - 1) yield { sleep: 0 };
  }
  return writeStep(workspace, { previous: last.id, actor, inbox, outbox, core: core.write() });
}

/** Spec: flow.check.same, flow.replan.heir. */
function beginWith(core, defects) {
  if (defects.length > 0) {
    core.log("rejected", { defects });
    finish(core, "rejected");
    return;
  }
  if ((core.program.get("limits")?.get("max_visits") ?? 1n) > 1n) core.state.visits = new Map();
  if (core.entries.has("from")) {
    core.state.status = "planned";
    core.log("planned");
  } else start(core);
  advance(core);
}

function begin({ workspace, actor, proposal }) {
  const [{ sender, id }] = proposal.covered;
  const outbox = new Map();
  const defects = defectsOf(workspace, actor);
  const core = new Core(workspace, actor, actor, outbox);
  core.state = firstState();
  const isBroken = defects.some(([, code]) => code === "core");
  if (isBroken || !core.entries.has("from")) core.entries.set("starter", sender);
  beginWith(core, defects);
  return writeStep(workspace, { previous: null, actor, inbox: new Map([[sender, id]]), outbox, core: core.write() });
}

/** Spec: flow.start.cleanup. */
function cleanUp({ workspace, actor, last, proposal }) {
  const [{ sender, id }] = proposal.covered;
  const core = new Core(workspace, actor, last.core, new Map(last.outbox)).load();
  core.requireDocuments();
  if (!core.isTerminal || core.state.status === "rejected") return last.id;
  if (!core.isPeer(sender, core.several("control", "cleanup"))) return last.id;
  core.log("cut");
  const inbox = new Map(last.inbox).set(sender, id);
  return writeStep(workspace, { ...last, previous: null, inbox, core: core.write() });
}

const BY_KIND = new Map([
  ["genesis", begin],
  ["cleanup", cleanUp],
  [
    "update",
    () => {
      throw failed("a flow is not the code of an update"); // flow.start.update
    },
  ],
]);

/** Make the step of a run (wit/transition.js), or return the one before to decline. */
export function* transitFlow(run) {
  checkBorn(run.workspace, run.actor);
  const work = BY_KIND.get(run.proposal.kind);
  return work === undefined ? yield* readMessages(run) : work(run);
}

/** Answer a query {workspace, step, name}: an id, or null. Spec: flow.query.state. */
export function answerFlow({ workspace, step, name }) {
  checkBorn(workspace, step.actor);
  return answer(workspace, step, name);
}

/** Whether an actor with a core may be updated, as far as this profile decides. Spec: flow.start.update. */
export const mayUpdateFlow = (workspace, last) => !hasFlowCode(workspace, last.core);
