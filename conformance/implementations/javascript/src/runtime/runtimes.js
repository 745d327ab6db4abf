// The runtimes that a client has started.

import { missing, rejected } from "../refusal.js";

/** The runtimes of one client, by the words under which it started them. */
export class Runtimes {
  #started = new Map(); // word -> {runtime, store: the word of its store}

  /** Throws Refusal missing. */
  get(word) {
    const started = this.#started.get(word);
    if (started === undefined) throw missing("no runtime is started under this handle");
    return started.runtime;
  }

  /** Bind the runtime that `make` makes: the id of its agent. Throws Refusal rejected, and whatever `make` does. */
  start(word, storeWord, make) {
    if (this.#started.has(word)) throw rejected("a runtime is started under this handle already");
    const runtime = make();
    this.#started.set(word, { runtime, store: storeWord });
    return runtime.agent;
  }

  async stop(word, how) {
    await this.get(word).stop(how);
    this.#started.delete(word);
  }

  /** Stop, now, those on a store, or all. */
  endAll(storeWord = null) {
    for (const [word, { runtime, store }] of [...this.#started]) {
      if (storeWord !== null && store !== storeWord) continue;
      runtime.end();
      this.#started.delete(word);
    }
  }

  wake() {
    for (const { runtime } of this.#started.values()) runtime.wake();
  }
}
