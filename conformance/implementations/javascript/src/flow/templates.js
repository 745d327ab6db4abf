// Templates: values whose texts may contain paths. A template is read whole before it is rendered.

import { exhausted, malformed, rejected } from "../refusal.js";
import { lookUp } from "./expressions.js";
import { PATH, segmentsOf } from "./tokens.js";
import { VALUE_BYTES, kindOf } from "./values.js";

const VAR = new RegExp(`^\\$(${PATH})$`);
const PART = new RegExp(`\\$\\{(${PATH})\\}|\\$\\$|[^$]+`, "uy");

/** A leaf: the path of the var that it is, or its parts, texts and paths. */
class Leaf {
  constructor(path, parts) {
    this.path = path;
    this.parts = parts;
  }

  /** All paths of the leaf. */
  get paths() {
    return this.path === null ? this.parts.filter((part) => typeof part !== "string") : [this.path];
  }
}

/** Read a leaf. Throws Refusal malformed. Spec: flow.tmpl.fail-closed. */
function readLeaf(text) {
  const [, path] = VAR.exec(text) ?? [];
  if (path !== undefined) return new Leaf(segmentsOf(path), null);
  const parts = [];
  PART.lastIndex = 0;
  for (let at = 0; at < text.length; at = PART.lastIndex) {
    const match = PART.exec(text);
    if (match === null) throw malformed("a $ that begins no path");
    parts.push(match[1] !== undefined ? segmentsOf(match[1]) : match[0] === "$$" ? "$" : match[0]);
  }
  return new Leaf(null, parts);
}

/**
 * Read a template: the same value with a Leaf for each text. `refuse(error)` gets the Refusal of each malformed leaf; without
 * it the first one is thrown.
 */
export function readTemplate(value, refuse) {
  if (Array.isArray(value)) return value.map((item) => readTemplate(item, refuse));
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, readTemplate(item, refuse)]));
  if (typeof value !== "string") return value;
  try {
    return readLeaf(value);
  } catch (error) {
    if (refuse === undefined) throw error;
    refuse(error);
    return null;
  }
}

/** All paths of a template that was read. */
export function* pathsOf(template) {
  if (template instanceof Leaf) yield* template.paths;
  else if (Array.isArray(template)) for (const item of template) yield* pathsOf(item);
  else if (template instanceof Map) for (const item of template.values()) yield* pathsOf(item);
}

class Renderer {
  #room = VALUE_BYTES; // of the texts that are put together

  constructor(env) {
    this.env = env;
  }

  value(template) {
    if (template instanceof Leaf) return this.#leaf(template);
    if (Array.isArray(template)) return template.map((item) => this.value(item));
    if (template instanceof Map) return new Map([...template].map(([key, item]) => [key, this.value(item)]));
    return template;
  }

  #leaf({ path, parts }) {
    return path === null ? parts.map((part) => this.#part(part)).join("") : lookUp(path, this.env);
  }

  /** Spec: flow.tmpl.typed. */
  #part(part) {
    const value = typeof part === "string" ? part : lookUp(part, this.env);
    if (typeof value !== "string" && typeof value !== "bigint") {
      throw rejected(`a ${kindOf(value)} has no text`, "type");
    }
    const text = value.toString();
    this.#room -= Buffer.byteLength(text);
    return this.isFull ? "" : text;
  }

  /** Whether the texts are too long. An error that is found later is the outcome all the same. */
  get isFull() {
    return this.#room < 0;
  }
}

/**
 * Render a template that was read. Values are inserted and not copied, so that what is large is found when it is encoded.
 * Throws Refusal rejected, unbound or type, or exhausted. Spec: flow.tmpl.single-pass, .everywhere, .typed.
 */
export function render(template, env) {
  const renderer = new Renderer(env);
  const value = renderer.value(template);
  if (renderer.isFull) throw exhausted("texts that are too long");
  return value;
}
