// What a guest refuses, with the class and code of the table of refusals, and the limits of the parts of a session.

import { members } from "./json.js";

/** Bytes of the prompt in the request of a turn, and of the text of a failure. */
export const TEXT_BYTES = 1_048_576;

/** Bytes of the data of a response, and of a tool result. */
export const DATA_BYTES = 4_194_304;

/** Bytes of the JSON of a prepared turn, and of the result of a commit. */
export const JSON_BYTES = 8_000_000;

/** A request, a query or an answer has no effect. */
export class Refused extends Error {
  constructor(refusalClass, code) {
    super(`${refusalClass}/${code}`);
    this.refusalClass = refusalClass;
    this.code = code;
  }

  /** The value of a reply. */
  get value() {
    return members({ class: this.refusalClass, code: this.code });
  }
}

/** Throw Refused if a condition holds. */
export function refuseIf(condition, refusalClass, code) {
  if (condition) throw new Refused(refusalClass, code);
}
