// Messages of the history: their forms, what a prepared turn has of them, and what a summary keeps.

import { isUtf8 } from "node:buffer";
import { hasHeaders, isCall, isOk, isToolName, readHeldCalls } from "./forms.js";
import { members, parseJson } from "./json.js";

const NESTING = 64;
const BEGINNING = 80; // code points

const ROLES = new WeakMap(); // object of a message -> its role, or undefined: an object is looked at once

const textForm = (role) => ({
  role,
  headers: { ct: "s", role },
  hasData: isUtf8,
  show: (message) => ({ content: textOf(message), role }),
});

const toolForm = (ct, hasData) => ({
  role: "tool",
  headers: { call: isCall, ct, ok: isOk, role: "tool", tool: isToolName },
  hasData,
  show(message) {
    const { call, ok, tool } = Object.fromEntries(message.headers);
    return { call, content: textOf(message), ok: ok === "1", role: "tool", tool };
  },
});

const FORMS = [
  textForm("user"),
  textForm("assistant"),
  {
    role: "assistant",
    headers: { ct: "j", role: "assistant" },
    hasData: (data) => readHeldCalls(data) !== undefined,
    show: (message) => ({ calls: readHeldCalls(message.data), content: "", role: "assistant" }),
  },
  toolForm("s", isUtf8),
  toolForm("j", (data) => parseJson(data, NESTING) !== undefined),
];

const textOf = (message) => message.data.toString("utf8");
const formOf = (object) => FORMS.find(({ headers }) => hasHeaders(object, headers));

/** The role of a message, or undefined for what is not a message. */
export function roleOf(object) {
  if (!ROLES.has(object)) {
    const form = formOf(object);
    ROLES.set(object, form?.hasData(object.data) ? form.role : undefined);
  }
  return ROLES.get(object);
}

/** The object for a message in a prepared turn. */
export const show = (message) => members(formOf(message).show(message));

/** The first code points of UTF-8. A code point has at most four bytes. */
function beginningOf(data) {
  return [...data.subarray(0, 4 * BEGINNING).toString("utf8")].slice(0, BEGINNING).join("");
}

/** What a summary keeps of a message. Spec: session-condense. */
export const summarize = (message) => `${roleOf(message)}: ${beginningOf(message.data).replaceAll(/[\n\r]/g, " ")}\n`;

/** The last `count` code points of a text. */
export function lastOf(text, count) {
  let start = text.length;
  for (let left = count; left > 0 && start > 0; left -= 1) {
    start -= 1;
    const isLow = (text.charCodeAt(start) & 0xfc00) === 0xdc00;
    if (isLow && start > 0) start -= 1; // the text has no lone surrogates
  }
  return text.slice(start);
}
