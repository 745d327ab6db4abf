// One lock for all processes that have a store open, made only of atomically created symbolic links.
//
// The folder `lock` holds links named by numbers; the link with the highest number names the holder: its target is
// `free`, or pid and start time of a process. A process that finds it free, or its process dead, creates the next number; of
// several only one can. The release creates one more number, `free`. Therefore a killed holder needs no cleanup, and
// the link that counts is never removed: older numbers are removed by a holder, a few behind the highest, and a
// process that slept and then created a number that is no longer the highest detects this and removes it. The link of
// the release is made before the lock is acquired and then only renamed, so a full medium cannot prevent the release.

import fs from "node:fs";
import path from "node:path";
import { durableWrite } from "./faults.js";

const FREE = "free";
const KEPT = 8; // numbers below the highest that stay, so that one listing never misses all that are high
const LONGEST_WAIT_MS = 4;

const pause = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** State and start time of a process where the system reports them, else null. */
function processStat(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0], started: fields[19] };
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ESRCH") return null;
    throw error;
  }
}

const self = () => `${process.pid}:${processStat(process.pid)?.started ?? "-"}`;

function isAlive(owner) {
  const [pid, started] = owner.split(":");
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code === "ESRCH") return false;
    if (error.code !== "EPERM") throw error;
  }
  if (started === "-") return true;
  const stat = processStat(pid);
  // A zombie still has its number, but will never give anything back; a number may also have come round again.
  return stat !== null && stat.started === started && stat.state !== "Z" && stat.state !== "X";
}

/** A lock in an existing folder. Not reentrant: one process acquires it once at a time. */
export class Lock {
  #folder;
  #spare; // where the next `free` waits; not a number, so it is not taken for a holder
  #number = 0;
  #self = self();

  constructor(folder) {
    this.#folder = folder;
    this.#spare = path.join(folder, `free-${process.pid}`);
  }

  /** Run `work` while holding the lock. Waits for as long as another holder lives. */
  hold(work) {
    this.#prepare();
    for (let wait = 0; !this.#take(); wait = Math.min(wait + 0.2, LONGEST_WAIT_MS)) pause(wait);
    try {
      return work();
    } finally {
      durableWrite(() => fs.renameSync(this.#spare, path.join(this.#folder, String(this.#number + 1))));
      this.#removeUpTo(this.#number - KEPT);
    }
  }

  #prepare() {
    try {
      durableWrite(() => fs.symlinkSync(FREE, this.#spare));
    } catch (error) {
      if (error.code !== "EEXIST") throw error; // left by a process of the same number that was killed
    }
  }

  #take() {
    const highest = this.#highest();
    if (highest > 0) {
      const owner = this.#owner(highest);
      if (owner === null || (owner !== FREE && isAlive(owner))) return false;
    }
    try {
      durableWrite(() => fs.symlinkSync(this.#self, path.join(this.#folder, String(highest + 1))));
    } catch (error) {
      if (error.code === "EEXIST") return false;
      throw error;
    }
    if (this.#highest() !== highest + 1) {
      this.#unlink(highest + 1);
      return false;
    }
    this.#number = highest + 1;
    return true;
  }

  #numbers() {
    return fs.readdirSync(this.#folder).map(Number).filter(Number.isSafeInteger);
  }

  #highest() {
    return this.#numbers().reduce((a, b) => Math.max(a, b), 0);
  }

  #owner(number) {
    try {
      return fs.readlinkSync(path.join(this.#folder, String(number)));
    } catch (error) {
      if (error.code === "ENOENT") return null; // removed meanwhile: another process holds a higher one
      throw error;
    }
  }

  #unlink(number) {
    try {
      durableWrite(() => fs.unlinkSync(path.join(this.#folder, String(number))));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }

  #removeUpTo(most) {
    for (const number of this.#numbers()) if (number <= most) this.#unlink(number);
  }
}
