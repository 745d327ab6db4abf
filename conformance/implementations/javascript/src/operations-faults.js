// The operations of the feature fault.kill.

import { arm, countWrites } from "./faults.js";
import { oneOf, record, uint } from "./shapes.js";

const needs = () => ["fault.kill"];

/** The operations: name -> {args, needs(args): features, run(args, client)}. */
export const FAULT_OPERATIONS = {
  "fault.arm": {
    args: record({ writes: uint(1), when: oneOf("before", "after") }),
    needs,
    run({ writes, when }, { handles }) {
      handles.sync(); // so that nothing is written between now and the reply
      arm(writes, when);
      return {};
    },
  },
  "fault.count": {
    args: record({}),
    needs,
    run: () => ({ writes: countWrites() }),
  },
};
