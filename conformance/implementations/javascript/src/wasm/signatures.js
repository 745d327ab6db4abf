// The types of the functions that a guest may import from the module `grit`: how many i32 they take, and what they give.

import { I32, I64 } from "./instructions.js";

const takes = (count, ...results) => ({ params: new Array(count).fill(I32), results });

/** Spec: wasm.abi.function, wasm.module.import. */
export const SIGNATURES = new Map(
  Object.entries({
    input: takes(2, I32),
    covered: takes(3, I32),
    kind: takes(1, I32),
    size: takes(1, I32),
    read: takes(4, I32),
    headers: takes(3, I32),
    link: takes(3, I32),
    entry: takes(5, I32),
    find: takes(4, I32),
    place: takes(5, I32),
    mail: takes(4, I32),
    blob: takes(5, I32),
    message: takes(5, I32),
    step: takes(6, I32),
    result: takes(1, I32),
    query_name: takes(2, I32),
    query: takes(5, I32),
    random: takes(2, I32),
    clock: takes(0, I64),
    attempt: takes(0, I32),
    fuel: takes(0, I64),
    log: takes(2, I32),
    fail: takes(3),
    wait: takes(0, I32),
  }),
);
