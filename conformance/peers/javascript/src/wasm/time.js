// The time of a call. A guest cannot be asked to yield, so it is ended from outside by the engine's own watchdog.

import vm from "node:vm";
import { timedOut } from "../wit/failure.js";

const place = { work: null };
const context = vm.createContext(place);
const script = new vm.Script("work()");

/** Do some work; if it takes longer than so many milliseconds (Infinity: any time) it ends with Failure timeout. */
export function within(ms, work) {
  if (ms === Infinity) return work();
  if (ms <= 0) throw timedOut("no time is left");
  const before = place.work;
  place.work = work;
  try {
    return script.runInContext(context, { timeout: Math.ceil(ms) });
  } catch (error) {
    if (error?.code === "ERR_SCRIPT_EXECUTION_TIMEOUT") throw timedOut(`${ms} ms were given`);
    throw error;
  } finally {
    place.work = before;
  }
}
