// The errors of host calls, as the guest gets them.

export const ABSENT = -1;
export const KIND = -2;
export const INVALID = -3;
export const UNKNOWN = -4;
export const LIMIT = -5;
export const FAILED = -6;
export const ERASED = -7;

/** What ends a host call before its charge B. */
export class Problem {
  constructor(code) {
    this.code = code;
  }
}

const PROBLEMS = new Map([KIND, INVALID, UNKNOWN, ERASED].map((code) => [code, new Problem(code)]));

/** End a host call with an error unless a condition holds. */
export function demand(condition, code) {
  if (!condition) throw PROBLEMS.get(code);
}
