// Wuts: what an actor says of itself.

import { invalid } from "../refusal.js";
import { readCanonical } from "./canonical.js";

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value) => typeof value === "string";
const isSchema = (value) => typeof value === "boolean" || isObject(value);
const oneOf =
  (...words) =>
  (value) =>
    words.includes(value);

function hasForm(value, members, optional = {}) {
  if (!isObject(value)) return false;
  if (!Object.keys(members).every((name) => Object.hasOwn(value, name))) return false;
  const all = { ...members, ...optional };
  return Object.entries(value).every(([name, member]) => Object.hasOwn(all, name) && all[name](member));
}

const DETAILS = { schema: isSchema, summary: isText };

function isMessage(value) {
  return hasForm(value, { content: oneOf("blob", "tree", "any") }, DETAILS) && mayHaveSchema(value, value.content);
}

function isQuery(value) {
  const members = { args: oneOf("blob", "none"), returns: oneOf("blob", "tree", "any") };
  return hasForm(value, members, DETAILS) && mayHaveSchema(value, value.args);
}

const mayHaveSchema = (value, type) => type === "blob" || !Object.hasOwn(value, "schema");

const eachIs = (isMember) => (value) => isObject(value) && Object.values(value).every(isMember);

const WUT = { wut: (value) => value === 1, name: isText, messages: eachIs(isMessage), queries: eachIs(isQuery) };

/** The wut that bytes spell. Throws Refusal invalid. Spec: wit.wut.openapi. */
export function readWut(bytes) {
  const value = readCanonical(bytes);
  if (!hasForm(value, WUT) || Object.hasOwn(value.queries, "")) throw invalid("no wut");
  return value;
}
