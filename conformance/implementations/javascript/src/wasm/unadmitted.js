// Why a module does not run: the code of the first check that fails.

/** A module that is not admitted; `code` is module, limit, import or export. Spec: wasm.module.first. */
export class Unadmitted extends Error {
  constructor(code, message) {
    super(message);
    this.name = "Unadmitted";
    this.code = code;
  }
}

export const unadmitted = (code, message) => new Unadmitted(code, message);
