// Expressions: parsed into a tree of nodes, and evaluated in an environment, a Map from namespaces to Maps.

import { Refusal, exhausted, malformed, rejected } from "../refusal.js";
import { scan } from "./tokens.js";
import { areEqual, encodeValue, kindOf } from "./values.js";

const NESTING = 32;
const COMPARISONS = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);
const WORDS = new Map([
  ["True", true],
  ["False", false],
  ["None", null],
]);

class Parser {
  #at = 0;
  #open = 0; // parentheses and operators `not`
  vars = [];

  constructor(tokens) {
    this.tokens = tokens;
  }

  #take(type) {
    if (this.tokens[this.#at]?.type !== type) return false;
    this.#at += 1;
    return true;
  }

  whole() {
    const root = this.#or();
    if (this.#at < this.tokens.length) throw malformed("text follows the expression");
    return root;
  }

  #chain(word, operand) {
    const operands = [operand()];
    while (this.#take(word)) operands.push(operand());
    return operands.length === 1 ? operands[0] : { type: word, operands };
  }

  #or() {
    return this.#chain("or", () => this.#chain("and", () => this.#unary()));
  }

  #within(parse) {
    this.#open += 1;
    if (this.#open > NESTING) throw exhausted(`more than ${NESTING} open parentheses and operators not`);
    const node = parse();
    this.#open -= 1;
    return node;
  }

  #unary() {
    if (this.#take("not")) return { type: "not", operand: this.#within(() => this.#unary()) };
    if (this.#take("has")) return { type: "has", operand: this.#var() };
    if (this.#take("(")) return { type: "group", operand: this.#within(() => this.#group()) };
    const left = this.#operand();
    const operator = this.#operator();
    return operator === null ? left : { ...operator, left, right: this.#operand() };
  }

  #group() {
    const inner = this.#or();
    if (!this.#take(")")) throw malformed("a parenthesis is not closed");
    return inner;
  }

  #operator() {
    const isNotIn = this.tokens[this.#at]?.type === "not";
    if (isNotIn) this.#at += 1;
    const sign = this.tokens[this.#at]?.type;
    if (isNotIn && sign !== "in") throw malformed("not without in between operands");
    if (!COMPARISONS.has(sign)) return null;
    this.#at += 1;
    return { type: sign, isNegated: isNotIn };
  }

  #var() {
    const token = this.tokens[this.#at];
    if (token?.type !== "var") throw malformed("something else where a var is required");
    this.#at += 1;
    this.vars.push(token.path);
    return token;
  }

  #operand() {
    const token = this.tokens[this.#at];
    if (token?.type !== "literal" && !WORDS.has(token?.type)) return this.#var();
    this.#at += 1;
    return token.type === "literal" ? token : { type: "literal", value: WORDS.get(token.type) };
  }
}

/**
 * Parse an expression: {root, vars}, the paths of all its vars. Throws Refusal malformed or exhausted.
 * Spec: flow.expr.whole-input, .precedence, .grouping, .limits.
 */
export function parse(source) {
  const parser = new Parser(scan(source));
  const root = parser.whole();
  return { root, vars: parser.vars };
}

const unbound = (path) => rejected(`$${path.join(".")} is unbound`, "unbound");
const wrongType = (what) => rejected(what, "type");

/** The value of a path. Throws Refusal rejected, unbound or type. Spec: flow.expr.unbound, .no-shadowing. */
export function lookUp([namespace, ...keys], env) {
  let value = env.get(namespace);
  if (value === undefined) throw unbound([namespace]);
  for (const key of keys) {
    if (!(value instanceof Map)) throw wrongType(`there is no ${key} in a ${kindOf(value)}`);
    if (!value.has(key)) throw unbound([namespace, ...keys]);
    value = value.get(key);
  }
  return value;
}

/** Spec: flow.expr.equality, flow.expr.kinds. */
function isSame(a, b) {
  if (a === null || b === null) return a === b;
  if (kindOf(a) !== kindOf(b)) throw wrongType(`a ${kindOf(a)} is compared with a ${kindOf(b)}`);
  return areEqual(a, b);
}

/** Below 0, 0 or above 0. Spec: flow.expr.text-order, flow.expr.kinds. */
function order(a, b) {
  if (typeof a === "bigint" && typeof b === "bigint") return a < b ? -1 : Number(a > b);
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  throw wrongType(`a ${kindOf(a)} and a ${kindOf(b)} have no order`);
}

/** Spec: flow.expr.equality, flow.expr.kinds. */
function isIn(item, container) {
  if (Array.isArray(container)) {
    const wanted = encodeValue(item);
    return container.some((element) => encodeValue(element).equals(wanted));
  }
  if (typeof item !== "string") throw wrongType(`a ${kindOf(item)} is searched in a ${kindOf(container)}`);
  if (typeof container === "string") return container.includes(item);
  if (container instanceof Map) return container.has(item);
  throw wrongType(`a text is searched in a ${kindOf(container)}`);
}

const COMPARE = {
  "==": isSame,
  "!=": (a, b) => !isSame(a, b),
  "<": (a, b) => order(a, b) < 0,
  "<=": (a, b) => order(a, b) <= 0,
  ">": (a, b) => order(a, b) > 0,
  ">=": (a, b) => order(a, b) >= 0,
  in: isIn,
};

/** Spec: flow.expr.boolean. */
function truth(node, env) {
  const value = compute(node, env);
  if (typeof value !== "boolean") throw wrongType(`a ${kindOf(value)} is no bool`);
  return value;
}

/** Spec: flow.expr.unbound. */
function isBound(path, env) {
  try {
    lookUp(path, env);
    return true;
  } catch (error) {
    if (error instanceof Refusal && error.code === "unbound") return false;
    throw error;
  }
}

const EVALUATE = {
  literal: ({ value }) => value,
  var: ({ path }, env) => lookUp(path, env),
  has: ({ operand }, env) => isBound(operand.path, env),
  not: ({ operand }, env) => !truth(operand, env),
  group: ({ operand }, env) => truth(operand, env),
  and: ({ operands }, env) => operands.every((operand) => truth(operand, env)), // Spec: flow.expr.short-circuit
  or: ({ operands }, env) => operands.some((operand) => truth(operand, env)),
};

function compute(node, env) {
  if (!Object.hasOwn(COMPARE, node.type)) return EVALUATE[node.type](node, env);
  const left = compute(node.left, env);
  const right = compute(node.right, env);
  return COMPARE[node.type](left, right) !== node.isNegated;
}

/** Evaluate a parsed expression: true or false. Throws Refusal rejected, unbound or type. Spec: flow.expr.total. */
export const evaluate = ({ root }, env) => truth(root, env);
