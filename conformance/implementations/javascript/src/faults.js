// Deaths on demand: every call that changes the files of a durable store goes through durableWrite(), which counts
// it and, when the suite has armed it, ends this process by SIGKILL at one of them. Counted over all stores of the
// process, so this is the one state that belongs to the process and not to a client.

let writes = 0;
let armed = null; // {at: the number of the write, when}

function dieIf(when) {
  if (armed === null || armed.when !== when || armed.at !== writes + 1) return;
  process.kill(process.pid, "SIGKILL");
  for (;;); // nothing happens any more
}

/** Carry out one call that writes, renames, links, unlinks or syncs. Spec: harness.fault.exact, harness.fault.counts-all. */
export function durableWrite(call) {
  dieIf("before");
  const result = call();
  dieIf("after");
  writes += 1;
  return result;
}

/** Die at the n-th durable write from now on, `before` it or `after` it. */
export function arm(n, when) {
  armed = { at: writes + n, when };
}

/** How many durable writes there were. */
export const countWrites = () => writes;
