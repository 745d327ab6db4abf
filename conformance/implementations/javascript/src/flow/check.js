// The check of a program under a policy: all defects at once.

import { Refusal } from "../refusal.js";
import { cyclicOf } from "./cycles.js";
import { dominatorsOf } from "./dominators.js";
import { parse } from "./expressions.js";
import { isNode, isPolicy, isProgram } from "./forms.js";
import { pathsOf, readTemplate } from "./templates.js";
import { PROGRAM_BYTES, decodeValue, isName, refsIn } from "./values.js";

const IN_PROGRAM = new Set(["input", "out", "prior"]);
const IN_SUB = new Set([...IN_PROGRAM, "dep"]);
const IN_WHEN = new Set(["input", "args", "tool"]);

/** Defects, each once: pairs [at, code]. */
class Defects {
  #pairs = new Map();

  add(at, code) {
    this.#pairs.set(`${at}\n${code}`, [at, code]);
  }

  get isEmpty() {
    return this.#pairs.size === 0;
  }

  has(code) {
    return [...this.#pairs.values()].some(([, other]) => other === code);
  }

  /** In ascending byte order; all texts of them are ASCII or in the order of their code points. */
  sorted() {
    const order = ([a, b], [c, d]) => Buffer.compare(Buffer.from(a), Buffer.from(c)) || (b < d ? -1 : Number(b > d));
    return [...this.#pairs.values()].sort(order);
  }
}

function decodeOr(bytes, most, refuse) {
  try {
    return decodeValue(bytes, most);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refuse();
    return undefined;
  }
}

/** Stage 2: the three documents. */
function readDocuments({ program, policy, input }, defects) {
  const read = (name, bytes, most) => decodeOr(bytes, most, () => defects.add("", `${name}-malformed`));
  const documents = {
    program: read("program", program, PROGRAM_BYTES),
    policy: read("policy", policy),
    input: read("input", input),
  };
  if (!(documents.input instanceof Map)) defects.add("", "input-malformed");
  return documents;
}

/** Stage 4: the form of the program, each node at its own place. */
function checkShape(program, defects) {
  if (!isProgram(program)) defects.add("", "shape");
  const nodes = program instanceof Map ? program.get("nodes") : null;
  if (!(nodes instanceof Map)) return;
  for (const [name, node] of nodes) if (isName(name) && !isNode(node)) defects.add(name, "shape");
}

/** The nodes that follow a node, without those of exits that are absent. */
const targetsOf = (node) =>
  ["next", "on_error", "then", "else"].map((exit) => node.get(exit)).filter((target) => target !== undefined);

/** The calls of a node, [place, work, the subs next to it or null]. */
function worksOf(name, node) {
  if (node.get("kind") === "call") return [[name, node, null]];
  if (node.get("kind") !== "parallel") return [];
  const subs = node.get("calls");
  return [...subs].map(([sub, work]) => [`${name}.${sub}`, work, subs]);
}

/** Stage 5: everything that a document names. */
class Names {
  constructor({ program, policy, input }, { peers, refs }, defects) {
    this.nodes = program.get("nodes");
    this.start = program.get("start");
    this.policy = policy;
    this.input = input;
    this.tools = policy.get("tools");
    this.peers = new Set(peers);
    this.refs = new Set(refs);
    this.defects = defects;
  }

  check() {
    this.#checkPolicy();
    if (!this.nodes.has(this.start)) this.defects.add("", "unknown-target");
    this.#checkRefs("", this.input);
    for (const [name, node] of this.nodes) this.#checkNode(name, node);
  }

  #checkPolicy() {
    const single = ["timer", "eraser", "agent"].map((name) => this.policy.get(name) ?? []);
    const several = ["events", "control"].map((name) => [...(this.policy.get(name)?.values() ?? [])]);
    this.#checkPeers("", [...single, ...several].flat(Number.POSITIVE_INFINITY));
    for (const [name, tool] of this.tools) {
      this.#checkPeers(name, [tool.get("peer")]);
      if (tool.has("when")) this.#checkWhen(name, tool);
    }
  }

  #checkPeers(at, names) {
    if (!names.every((name) => this.peers.has(name))) this.defects.add(at, "unknown-peer");
  }

  #checkRefs(at, value) {
    for (const name of refsIn(value)) if (!this.refs.has(name)) this.defects.add(at, "unknown-ref");
  }

  /** The paths of an expression; none if it cannot be parsed. */
  #parse(at, source, code) {
    try {
      return parse(source).vars;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.defects.add(at, code);
      return [];
    }
  }

  #checkWhen(name, tool) {
    const params = new Set(tool.get("params"));
    const known = ([namespace, key]) =>
      IN_WHEN.has(namespace) &&
      (namespace !== "tool" || this.tools.has(key)) &&
      (namespace !== "args" || params.has(key));
    const paths = this.#parse(name, tool.get("when"), "policy-expression");
    if (!paths.every(known)) this.defects.add(name, "policy-variable");
  }

  #checkVariables(at, paths, namespaces, dependencies = []) {
    const known = ([namespace, key]) =>
      namespaces.has(namespace) &&
      (namespace !== "out" || (this.nodes.has(key) && this.nodes.get(key).get("kind") !== "end")) &&
      (namespace !== "dep" || dependencies.includes(key));
    if (!paths.every(known)) this.defects.add(at, "unknown-variable");
  }

  #checkTemplate(at, value, ...available) {
    this.#checkRefs(at, value);
    const template = readTemplate(value, () => this.defects.add(at, "template"));
    this.#checkVariables(at, [...pathsOf(template)], ...available);
  }

  #checkNode(name, node) {
    const { defects, policy } = this;
    if (!targetsOf(node).every((target) => this.nodes.has(target))) defects.add(name, "unknown-target");
    if (node.has("if")) this.#checkVariables(name, this.#parse(name, node.get("if"), "expression"), IN_PROGRAM);
    if (node.has("output")) this.#checkTemplate(name, node.get("output"), IN_PROGRAM);
    if (node.has("event") && !policy.get("events")?.has(node.get("event"))) defects.add(name, "unknown-event");
    const works = worksOf(name, node);
    for (const work of works) this.#checkWork(...work);
    if (node.get("kind") === "wait") this.#checkTimer(name, node);
    const isGuarded = works.some(([, work]) => this.tools.get(work.get("tool"))?.get("guarded") === true);
    if (isGuarded && !node.has("guards")) defects.add(name, "unguarded");
    if (node.get("kind") === "parallel") this.#checkDependencies(name, node.get("calls"));
  }

  #checkWork(at, work, subs) {
    const tool = this.tools.get(work.get("tool"));
    const args = work.get("args");
    if (tool === undefined) this.defects.add(at, "unknown-tool");
    else {
      const params = new Set(tool.get("params"));
      if (![...args.keys()].every((key) => params.has(key))) this.defects.add(at, "unknown-param");
    }
    const dependencies = work.get("depends_on") ?? [];
    this.#checkTemplate(at, args, subs === null ? IN_PROGRAM : IN_SUB, dependencies);
    if (!dependencies.every((sub) => subs.has(sub))) this.defects.add(at, "unknown-target");
    this.#checkTimer(at, work);
  }

  #checkTimer(at, timed) {
    const isTimed = timed.has("timeout_ms") || (timed.get("retry")?.get("backoff_ms") ?? 0n) > 0n;
    if (isTimed && !this.policy.has("timer")) this.defects.add(at, "no-timer");
  }

  #checkDependencies(name, subs) {
    const names = [...subs.keys()];
    const numbers = new Map(names.map((sub, number) => [sub, number]));
    const dependencies = [...subs.values()].map((sub) =>
      (sub.get("depends_on") ?? []).map((other) => numbers.get(other)).filter((number) => number !== undefined),
    );
    for (const number of cyclicOf(dependencies)) this.defects.add(`${name}.${names[number]}`, "depends-cycle");
  }
}

/** The program as a graph of its nodes, and of the exits of its branches: {successors, numbers}. */
function graphOf(nodes) {
  const numbers = new Map([...nodes.keys()].map((name, number) => [name, number]));
  const successors = [...nodes.values()].map((node) => targetsOf(node).map((target) => numbers.get(target)));
  const plain = [...successors];
  for (const [name, node] of nodes) {
    if (node.get("kind") !== "branch") continue;
    successors[numbers.get(name)] = ["then", "else"].map((exit) => {
      numbers.set(`${name}.${exit}`, successors.length);
      return successors.push([numbers.get(node.get(exit))]) - 1;
    });
  }
  return { numbers, successors, plain };
}

/** Stage 6: ways from the start. Spec: flow.check.guard. */
function checkWays(program, defects) {
  const nodes = program.get("nodes");
  const { numbers, successors, plain } = graphOf(nodes);
  const ways = dominatorsOf(successors, numbers.get(program.get("start")));
  const isReached = (name) => ways.reaches(numbers.get(name));
  const holds = (guard, name) =>
    numbers.has(guard) && (!isReached(name) || ways.dominates(numbers.get(guard), numbers.get(name)));
  for (const [name, node] of nodes) {
    if (!isReached(name)) defects.add(name, "unreachable");
    if (!(node.get("guards") ?? []).every((guard) => holds(guard, name))) defects.add(name, "guard");
  }
  const isEnd = ([name, node]) => node.get("kind") === "end" && isReached(name);
  if (![...nodes].some(isEnd)) defects.add("", "no-exit");
  if ((program.get("limits")?.get("max_visits") ?? 1n) > 1n) return;
  const names = [...nodes.keys()];
  for (const number of cyclicOf(plain)) defects.add(names[number], "cycle");
}

/**
 * The defects [at, code] of three documents, with the names of peers and refs, in ascending order.
 * Spec: flow.check.defects, flow.check.total.
 */
export function check(args) {
  const defects = new Defects();
  const documents = readDocuments(args, defects);
  if (defects.isEmpty && !isPolicy(documents.policy)) defects.add("", "policy-shape");
  if (defects.isEmpty) checkShape(documents.program, defects);
  if (!defects.isEmpty) return defects.sorted();
  new Names(documents, args, defects).check();
  if (!defects.has("unknown-target")) checkWays(documents.program, defects);
  return defects.sorted();
}
