// How many bytes of data a core holds, counted once for each path, and how that changes from one core to another. Only what differs is
// looked at, and what several paths lead to once.

import { changedKeys } from "../maps.js";
import { entriesOf } from "./cores.js";

const MOST_KEPT = 1 << 17;
const NONE = new Map();

const keyOf = (before, after) => `${before ?? "-"} ${after ?? "-"}`;
const dataSize = (object) => (object?.kind === "blob" ? BigInt(object.data.length) : 0n); // null: an erased blob

/** Sizes of blobs and trees. */
export class Sizes {
  #known = new Map(); // key of a pair with one side -> BigInt

  /** The bytes below `after` without those below `before`; each is an id, or null. */
  difference(read, before, after) {
    const inCall = new Map();
    const stack = [];
    let size = this.#enter(read, before, after, stack, inCall);
    while (stack.length > 0) {
      const top = stack.at(-1);
      if (size !== null) top.size += size;
      const pair = top.left.pop();
      if (pair !== undefined) size = this.#enter(read, ...pair, stack, inCall);
      else size = this.#keep(stack.pop(), inCall);
    }
    return size;
  }

  #keep({ key, size, isOneSided }, inCall) {
    if (!isOneSided) inCall.set(key, size);
    else {
      if (this.#known.size >= MOST_KEPT) this.#known.clear();
      this.#known.set(key, size);
    }
    return size;
  }

  /** The difference where it is known; null after it was put on the stack. */
  #enter(read, before, after, stack, inCall) {
    if (before === after) return 0n;
    const key = keyOf(before, after);
    const known = this.#known.get(key) ?? inCall.get(key);
    if (known !== undefined) return known;
    const [was, is] = [before, after].map((id) => (id === null ? null : read(id)));
    const [old, now] = [was, is].map((object) => entriesOf(object) ?? NONE);
    const left = [...changedKeys(old, now)].map((name) => [old.get(name) ?? null, now.get(name) ?? null]);
    stack.push({ key, size: dataSize(is) - dataSize(was), left, isOneSided: before === null || after === null });
    return null;
  }

  /** As difference(), of two cores without their entries `image`. Spec: image.quota.recount. */
  differenceOfCores(read, before, after) {
    if (before === after) return 0n;
    const [old, now] = [before, after].map((core) => (core === null ? NONE : entriesOf(read(core))));
    let sum = 0n;
    for (const name of changedKeys(old, now)) {
      if (name !== "image") sum += this.difference(read, old.get(name) ?? null, now.get(name) ?? null);
    }
    return sum;
  }
}
