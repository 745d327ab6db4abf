// The OpenAPI document that follows from a wut and the id of an actor.

import { spellCanonical } from "./canonical.js";
import { readWut } from "./wut.js";

const UNRESERVED = /[A-Za-z0-9._~-]/;

function percentEncode(text) {
  const spelled = [...Buffer.from(text, "utf8")].map((byte) => {
    const character = String.fromCharCode(byte);
    return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return spelled.join("");
}

function requestBody({ schema }, type) {
  let content = { "application/vnd.gritstone.object": {} };
  if (schema !== undefined) content = { "application/json": { schema } };
  else if (type === "blob") content = { "application/octet-stream": {} };
  return { content, required: true };
}

const summaryOf = ({ summary }) => (summary === undefined ? {} : { summary });

function messagePath([type, message]) {
  const operation = {
    operationId: `message:${type}`,
    responses: { 202: { description: "accepted" } },
    requestBody: requestBody(message, message.content),
    ...summaryOf(message),
  };
  return [type === "" ? "/messages" : `/messages/${percentEncode(type)}`, { post: operation }];
}

function queryPath([name, query]) {
  const operation = {
    operationId: `query:${name}`,
    responses: { 200: { description: "answer" }, 404: { description: "none" } },
    ...(query.args === "none" ? {} : { requestBody: requestBody(query, query.args) }),
    ...summaryOf(query),
  };
  return [`/queries/${percentEncode(name)}`, { [query.args === "none" ? "get" : "post"]: operation }];
}

/** The document, as bytes, for the bytes of a wut. Throws Refusal invalid. Spec: wit.wut.openapi. */
export function describe(actor, bytes) {
  const wut = readWut(bytes);
  const paths = [...Object.entries(wut.messages).map(messagePath), ...Object.entries(wut.queries).map(queryPath)];
  return Buffer.from(
    spellCanonical({
      openapi: "3.1.0",
      info: { title: wut.name, version: "1" },
      servers: [{ url: `/actors/${actor}` }],
      paths: Object.fromEntries(paths),
    }),
  );
}
