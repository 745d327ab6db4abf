// Garbage collection on demand. The engine does not count shared memory as garbage that presses, so code that drops
// memories has to say so, or they stay until there is no room for another.

import v8 from "node:v8";
import vm from "node:vm";

let collectNow = null;

/** Collect the garbage of this thread. */
export function collect() {
  if (collectNow === null) {
    v8.setFlagsFromString("--expose-gc");
    collectNow = vm.runInNewContext("gc");
  }
  collectNow();
}
