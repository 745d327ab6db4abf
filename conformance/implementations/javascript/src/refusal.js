// Refusals: the input or the state is at fault. Anything else that is thrown is our own fault and is answered `error`.

/** An answer of class malformed, invalid, missing, rejected or exhausted, with a code where the spec names one. */
export class Refusal extends Error {
  constructor(refusalClass, message, code) {
    super(message);
    this.name = "Refusal";
    this.refusalClass = refusalClass;
    this.code = code;
  }
}

/** The arguments of a known operation do not fit the schema: answered `error`, never `refused`. */
export class Misfit extends Error {}

/** Bytes cannot be split into fields, lines or frames. */
export const malformed = (message, code) => new Refusal("malformed", message, code);

/** Not the one encoding of an allowed value; a bad name; a wrong graph. */
export const invalid = (message, code) => new Refusal("invalid", message, code);

/** No such object, reference, store, handle or file. */
export const missing = (message, code) => new Refusal("missing", message, code);

/** The state of the store forbids it. */
export const rejected = (message, code) => new Refusal("rejected", message, code);

/** Over a declared limit, or the medium is full. */
export const exhausted = (message, code) => new Refusal("exhausted", message, code);
