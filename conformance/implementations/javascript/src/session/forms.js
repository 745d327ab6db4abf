// The forms of headers, blobs and JSON values in a session. Functions that read return undefined for another form.

import { isUtf8 } from "node:buffer";
import { isIdText } from "../ids.js";
import { Spelled, parseJson } from "./json.js";
import { TEXT_BYTES } from "./refused.js";

const DIGITS = /^(?:0|[1-9][0-9]{0,15})$/;
const MOST_NUMBER = 9_007_199_254_740_991;
const CORR = /^[\x21-\x7e]{1,128}$/;
const NAME = /^[a-z][a-z0-9_-]{0,63}$/;
const TYPES = new Set(["any", "array", "boolean", "integer", "number", "object", "string"]);
const TEXT_OF_TOOL = /^[^\0-\x1f]*$/;
const DESCRIPTION_BYTES = 1024;
const MOST_TOOLS = 256;
const MOST_CALLS = 16;

/** The greatest number in the state. */
export const MOST_STATE = 2 ** 52;

// Headers

export const isNumber = (text) => DIGITS.test(text) && Number(text) <= MOST_NUMBER;
export const isCorr = (text) => CORR.test(text);
export const isOk = (text) => text === "0" || text === "1";
export const isToolName = (text) => typeof text === "string" && NAME.test(text);
export { isIdText };

/** Whether a text is two numbers with a dot between them. */
export function isCall(text) {
  const parts = typeof text === "string" ? text.split(".") : [];
  return parts.length === 2 && parts.every(isNumber);
}

/** The number behind the dot, by which calls are ordered. */
export const placeOf = (call) => Number(call.split(".")[1]);

/** Whether an object is a blob with exactly some headers: `forms` has a function or the one value for each key. */
export function hasHeaders(object, forms) {
  if (object?.kind !== "blob" || object.headers.length !== Object.keys(forms).length) return false;
  return object.headers.every(([key, value]) => {
    if (!Object.hasOwn(forms, key)) return false;
    return typeof forms[key] === "function" ? forms[key](value) : forms[key] === value;
  });
}

// Blobs

export const isDataType = (text) => text === "s" || text === "j";

/** The text of a text blob. */
export const readText = (object) =>
  hasHeaders(object, { ct: "s" }) && isUtf8(object.data) ? object.data.toString("utf8") : undefined;

/** The value of a JSON blob. */
export const readJsonBlob = (object) => (hasHeaders(object, { ct: "j" }) ? parseJson(object.data) : undefined);

/** The text of an id in a text blob. */
export function readIdText(object) {
  const text = readText(object);
  return text !== undefined && isIdText(text) ? text : undefined;
}

// Values

const isText = (value) => typeof value === "string";
const isFlag = (value) => typeof value === "boolean";
const isObject = (value) => value instanceof Map;
const isList = (value, least, most) => Array.isArray(value) && value.length >= least && value.length <= most;

/** Whether a value is an object with all members of `needed`, perhaps some of `optional`, and no others. */
function hasMembers(value, needed, optional = {}) {
  if (!isObject(value) || Object.keys(needed).some((name) => !value.has(name))) return false;
  return [...value].every(([name, member]) => {
    const forms = Object.hasOwn(needed, name) ? needed : optional;
    return Object.hasOwn(forms, name) && forms[name](member);
  });
}

/** Whether a value is a natural number from `least` to `most`. */
export const isNatural = (value, least, most) =>
  value instanceof Spelled && value.natural >= least && value.natural <= most;

const DEFAULTS = Object.freeze({
  keep: 12,
  max_messages: 24,
  max_rounds: 10,
  summary_chars: 1200,
  system_prompt: "",
  tool_text: true,
});

const SETTINGS = {
  keep: (value) => isNatural(value, 1, 999),
  max_messages: (value) => isNatural(value, 2, 1000),
  max_rounds: (value) => isNatural(value, 1, 100),
  summary_chars: (value) => isNatural(value, 0, 100_000),
  system_prompt: isText,
  tool_text: isFlag,
};

/** A configuration with its defaults. Spec: session-config. */
export function readConfig(value) {
  if (!hasMembers(value, {}, SETTINGS)) return undefined;
  const config = { ...DEFAULTS };
  for (const [name, member] of value) config[name] = member instanceof Spelled ? member.natural : member;
  return config.keep < config.max_messages ? config : undefined;
}

const isDescription = (value) =>
  isText(value) && Buffer.byteLength(value) <= DESCRIPTION_BYTES && TEXT_OF_TOOL.test(value);

const PARAM = { name: isToolName, required: isFlag, type: (value) => TYPES.has(value) };

const areParams = (value) =>
  Array.isArray(value) &&
  value.every((param) => hasMembers(param, PARAM)) &&
  new Set(value.map((param) => param.get("name"))).size === value.length;

const TOOL = { description: isDescription, name: isToolName, params: areParams };

/** A list of tools. Spec: session-tools. */
export function readTools(value) {
  if (!isList(value, 0, MOST_TOOLS) || !value.every((tool) => hasMembers(tool, TOOL))) return undefined;
  const names = value.map((tool) => tool.get("name"));
  return names.every((name, i) => i === 0 || names[i - 1] < name) ? value : undefined;
}

const OF_USER = { kind: (value) => value === "user", prompt: isText };
const OF_CONTINUE = { kind: (value) => value === "continue" };

/** The request of a turn: {kind, prompt, system, forceJson}. The prompt may be too long. Spec: session-request-of-turn. */
export function readRequest(value) {
  const isUser = hasMembers(value, OF_USER, { system: isText, force_json: isFlag });
  if (!isUser && !hasMembers(value, OF_CONTINUE, { force_json: isFlag })) return undefined;
  const forceJson = value.get("force_json") ?? false;
  return { kind: value.get("kind"), prompt: value.get("prompt"), system: value.get("system"), forceJson };
}

/** Whether the prompt of a request is too long. */
export const isTooLong = ({ prompt }) => prompt !== undefined && Buffer.byteLength(prompt) > TEXT_BYTES;

const CALL = { input: isObject, tool: isText };
const is = (word) => (value) => value === word;
const areCalls = (call) => (value) => isList(value, 1, MOST_CALLS) && value.every((each) => hasMembers(each, call));

const ROWS = [
  [
    { action: is("final"), response: isText },
    {},
    (row) => ({ action: "final", text: row.get("response"), calls: [], error: "" }),
  ],
  [{ action: is("call_tool"), ...CALL }, {}, (row) => ({ action: "call", text: "", calls: [row], error: "" })],
  [
    { action: is("call_tools"), calls: areCalls(CALL) },
    {},
    (row) => ({ action: "call", text: "", calls: row.get("calls"), error: "" }),
  ],
  [
    { action: is("retry") },
    { error: isText },
    (row) => ({ action: "retry", text: "", calls: [], error: row.get("error") ?? "" }),
  ],
];

/** A row: {action, text, calls: objects with input and tool, error}. Spec: session.response.grammar. */
export function readRow(value) {
  for (const [needed, optional, make] of ROWS) if (hasMembers(value, needed, optional)) return make(value);
  return undefined;
}

const HELD_CALL = { id: isCall, input: isObject, tool: isToolName };

/** The calls in the data of a message of the model. */
export function readHeldCalls(data) {
  const value = parseJson(data, 64);
  return hasMembers(value, { calls: areCalls(HELD_CALL) }) ? value.get("calls") : undefined;
}

const FITS = {
  any: () => true,
  array: Array.isArray,
  boolean: isFlag,
  integer: (value) => value instanceof Spelled && value.isInteger,
  number: (value) => value instanceof Spelled,
  object: isObject,
  string: isText,
};

/** Whether the input of a call fits a tool. Spec: session.call.arguments. */
export function fits(input, tool) {
  const params = tool.get("params");
  const needed = params.filter((param) => param.get("required")).map((param) => param.get("name"));
  const types = new Map(params.map((param) => [param.get("name"), param.get("type")]));
  if (needed.some((name) => !input.has(name))) return false;
  return [...input].every(([name, value]) => types.has(name) && FITS[types.get(name)](value));
}
