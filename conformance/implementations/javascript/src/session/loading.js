// Reading a session from a core: its parts, or null for a damaged session.
//
// The parts are {config, tools, summary, ask, count, covered, history, phase, rounds, messages: ids, calls: Map of
// {id, tool}, results: Map of ids, turns: Map of {id, count, response, result}, effects: Map of ids}.

import { isUtf8 } from "node:buffer";
import {
  MOST_STATE,
  hasHeaders,
  isCall,
  isCorr,
  isIdText,
  isNatural,
  isNumber,
  isToolName,
  isTooLong,
  placeOf,
  readConfig,
  readIdText,
  readJsonBlob,
  readRequest,
  readText,
  readTools,
} from "./forms.js";
import { roleOf } from "./messages.js";

const PARTS = new Set(
  "ask calls config history host nonce results state summary tools turns".split(" "), // the entries of `session`
);
const FIRST_PARTS = new Set(["config", "host", "nonce", "tools"]);
const PHASES = new Set(["calling", "idle", "ready"]);
const MOST_CALLS = 16;
const MOST_HISTORY = 10_000;
const MOST_TURNS = 8;
const NONCE_BYTES = 32;

class Damage extends Error {}

function need(condition) {
  if (!condition) throw new Damage();
}

/** What a form has read, which must not be undefined. */
function needed(value) {
  need(value !== undefined);
  return value;
}

/** The name of the message with an index. */
export const indexName = (index) => String(index).padStart(10, "0");

class Loading {
  constructor(workspace, core) {
    this.workspace = workspace;
    this.core = core;
    this.parts = this.tree(core.get("session"));
    need([...this.parts.keys()].every((name) => PARTS.has(name)));
  }

  /** The entries of a tree. */
  tree(id) {
    const object = id === undefined ? null : this.workspace.read(id);
    need(object?.kind === "tree");
    return new Map(object.entries);
  }

  /** The object of an id; null if it is erased. */
  blob(id) {
    const object = this.workspace.read(id);
    need((object?.kind ?? "blob") === "blob");
    return object;
  }

  /** The blob of a part, or undefined if there is no such part. */
  part(name) {
    return this.parts.has(name) ? this.blob(this.parts.get(name)) : undefined;
  }

  /** The entries of a part that is a tree; none if it is absent. */
  entries(name) {
    return this.parts.has(name) ? this.tree(this.parts.get(name)) : new Map();
  }

  host() {
    this.tree(this.parts.get("host"));
    const nonce = this.part("nonce");
    need(hasHeaders(nonce, { ct: "b" }) && nonce.data.length === NONCE_BYTES);
  }

  settings() {
    const [config, tools] = ["config", "tools"].map((name) => this.part(name));
    return {
      config: needed(readConfig(config === undefined ? new Map() : readJsonBlob(config))),
      tools: tools === undefined ? [] : needed(readTools(readJsonBlob(tools))),
    };
  }

  state() {
    const part = this.part("state");
    if (part === undefined) return { count: 0, covered: 0, history: 0, phase: "idle", rounds: 0 };
    const value = readJsonBlob(part);
    need(value instanceof Map && value.size === 5 && PHASES.has(value.get("phase")));
    const numbers = ["count", "covered", "history", "rounds"].map((name) => [name, value.get(name)]);
    need(numbers.every(([, number]) => isNatural(number, 0, MOST_STATE)));
    const state = Object.fromEntries(numbers.map(([name, number]) => [name, number.natural]));
    need(state.history >= state.covered && state.history <= state.covered + MOST_HISTORY);
    return { ...state, phase: value.get("phase") };
  }

  messages({ covered, history }) {
    const entries = this.entries("history");
    need(entries.size === history - covered);
    const ids = [];
    for (let index = covered; index < history; index += 1) {
      const id = needed(entries.get(indexName(index)));
      const message = this.blob(id);
      need(message === null || roleOf(message) !== undefined);
      ids.push(id);
    }
    return ids;
  }

  summary() {
    const blob = this.part("summary");
    if (blob === undefined) return null;
    const isVersion = (text) => isNumber(text) && Number(text) >= 1 && Number(text) <= MOST_STATE;
    need(hasHeaders(blob, { covered: isNumber, ct: "s", version: isVersion }) && isUtf8(blob.data));
    const version = Number(blob.headers.find(([key]) => key === "version")[1]);
    return { id: this.parts.get("summary"), version, text: blob.data.toString("utf8") };
  }

  results() {
    const results = this.entries("results");
    for (const [call, id] of results) {
      need(isCall(call));
      this.blob(id);
    }
    return results;
  }

  /** Check the results of open calls, which the guest puts into the history. */
  ofTools(ids) {
    const messages = ids.map((id) => this.blob(id));
    need(messages.every((message) => message === null || roleOf(message) === "tool"));
  }

  calls(phase, results) {
    const entries = this.entries("calls");
    need(entries.size > 0 === (phase === "calling") && entries.size <= MOST_CALLS);
    const names = [...entries.keys()];
    need(names.every(isCall));
    names.sort((a, b) => placeOf(a) - placeOf(b));
    const first = names[0]?.split(".")[0];
    need(names.every((name, place) => name === `${first}.${place}`));
    need(names.length === 0 || names.some((name) => !results.has(name)));
    return new Map(names.map((name) => [name, this.call(entries.get(name))]));
  }

  call(id) {
    const tool = readText(this.blob(id));
    need(isToolName(tool));
    return { id, tool };
  }

  turns() {
    const turns = [...this.entries("turns")];
    need(turns.length <= MOST_TURNS && turns.every(([name]) => isIdText(name)));
    return new Map(turns.map(([name, id]) => [name, this.turn(id)]));
  }

  turn(id) {
    const entries = this.tree(id);
    const [count, response, result] = ["count", "response", "result"].map((name) => needed(entries.get(name)));
    need(entries.size === 3);
    const number = readText(this.blob(count));
    need(number !== undefined && isNumber(number));
    for (const each of [response, result]) this.blob(each);
    return { id, count: Number(number), response, result };
  }

  ask() {
    if (!this.parts.has("ask")) return null;
    const entries = this.entries("ask");
    const message = needed(readIdText(this.blob(needed(entries.get("message")))));
    const requestId = needed(entries.get("request"));
    const request = needed(readRequest(readJsonBlob(this.blob(requestId))));
    need(request.kind === "user" && !isTooLong(request));
    const corr = entries.has("corr") ? readText(this.blob(entries.get("corr"))) : null;
    need(corr === null || (corr !== undefined && isCorr(corr)));
    need(entries.size === (corr === null ? 2 : 3));
    return { message, requestId, request, corr };
  }

  /** `names` are those that the effects must have. */
  effects(names) {
    const entries = this.core.has("effects") ? this.tree(this.core.get("effects")) : new Map();
    need(entries.size === names.length);
    return new Map(names.map((name) => [name, needed(readIdText(this.blob(needed(entries.get(name)))))]));
  }

  all() {
    this.host();
    const state = this.state();
    const results = this.results();
    const calls = this.calls(state.phase, results);
    this.ofTools([...results.keys()].filter((call) => calls.has(call)).map((call) => results.get(call)));
    const ask = this.ask();
    const open = state.phase === "calling" ? [...calls.keys()].filter((call) => !results.has(call)) : ["model"];
    const effects = this.effects(ask === null ? [] : open);
    const messages = this.messages(state);
    const turns = this.turns();
    return { ...this.settings(), ...state, summary: this.summary(), messages, calls, results, turns, ask, effects };
  }
}

function unlessDamaged(work, otherwise) {
  try {
    return work();
  } catch (error) {
    if (error instanceof Damage) return otherwise;
    throw error;
  }
}

/** The parts of the session in a core (a Map of entries), or null if it is damaged. Spec: session-damaged. */
export const loadParts = (workspace, core) => unlessDamaged(() => new Loading(workspace, core).all(), null);

/** Whether a core is a first core of a session. Spec: session.guest.genesis. */
export function isFirstCore(workspace, core) {
  return unlessDamaged(() => {
    const loading = new Loading(workspace, core);
    loading.host();
    loading.settings();
    return !core.has("effects") && [...loading.parts.keys()].every((name) => FIRST_PARTS.has(name));
  }, false);
}
