// What an operation sees of a store and makes: a workspace that remembers which values it has found whole, so that a value is
// walked once in an operation, however many steps reach it.

import { checkClosure } from "../graph.js";
import { LIMITS } from "../limits.js";
import { Workspace } from "../wit/workspace.js";

export class Scratch extends Workspace {
  #nestings = new Map(); // id of a blob or tree -> its nesting

  /** As in Workspace. */
  checkClosure(edges, whole) {
    const { knowledge } = this.store;
    const known = { nesting: (id) => this.#nestings.get(id) ?? knowledge.nesting(id) };
    checkClosure(edges, this.read, LIMITS.tree_depth, known, whole).eachValue((id, nesting) =>
      this.#nestings.set(id, nesting),
    );
  }

  /** Let the store know what was found, of what is stored. */
  learn() {
    const { knowledge, backend } = this.store;
    for (const [id, nesting] of this.#nestings) {
      if (backend.find(id) !== undefined || backend.tombstones.has(id)) knowledge.learnNesting(id, nesting);
    }
  }

  /** Make a text blob. */
  writeText(text) {
    return this.writeBlob(Buffer.from(text), [["ct", "s"]]);
  }
}
