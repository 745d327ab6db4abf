// Objects that the tests share, and the chapters they read examples from.

import fs from "node:fs";
import { FORMATS, encodeObject } from "../src/formats.js";

export const framed = FORMATS.get("framed-sha256");
export const cbor = FORMATS.get("cbor-blake3");

/** The text of a chapter of the specification. */
export const chapter = (name) => fs.readFileSync(new URL(`../../../../spec/${name}.rst`, import.meta.url), "utf8");

export const blob = (data, headers = []) => ({ kind: "blob", headers, data: Buffer.from(data) });
export const tree = (...entries) => ({ kind: "tree", entries });
export const message = (previous, content) => ({ kind: "message", previous, headers: [], content });

/** Put an object into a store: its id. */
export const put = (store, object) => store.put(encodeObject(store.format, object).bytes);

/** What a refusal of `work` is, as class or class/code. */
export function refusalOf(work) {
  try {
    work();
  } catch (error) {
    return error.code === undefined ? error.refusalClass : `${error.refusalClass}/${error.code}`;
  }
  return "none";
}
