// The merge of two trees.

import { LIMITS } from "../limits.js";
import { exhausted, invalid } from "../refusal.js";

const isTree = (workspace, id) => workspace.read(id)?.kind === "tree";

/** Merges into one workspace. Pairs of trees that occur often in a graph are merged once. */
class Merge {
  #done = new Map(); // "tree update" -> id

  constructor(workspace) {
    this.workspace = workspace;
  }

  trees(tree, update, depth) {
    if (depth > LIMITS.tree_depth) throw exhausted(`trees are nested deeper than ${LIMITS.tree_depth}`);
    const key = `${tree} ${update}`;
    if (!this.#done.has(key)) this.#done.set(key, this.#entries(tree, update, depth));
    return this.#done.get(key);
  }

  #entries(tree, update, depth) {
    const entries = new Map(this.workspace.read(tree).entries);
    let isChanged = false;
    for (const [name, value] of this.workspace.read(update).entries) {
      const before = entries.get(name);
      const after = before === undefined ? value : this.#values(before, value, depth);
      isChanged ||= after !== before;
      entries.set(name, after);
    }
    return isChanged ? this.workspace.write({ kind: "tree", entries: [...entries] }) : tree;
  }

  #values(before, value, depth) {
    if (before === value) return value;
    if (!isTree(this.workspace, value) || !isTree(this.workspace, before)) return value;
    return this.trees(before, value, depth + 1);
  }
}

/** Merge two trees: the id. Throws Refusal missing, invalid (not two trees), exhausted. Spec: wit.update.merge. */
export function merge(workspace, tree, update) {
  for (const id of [tree, update]) if (!isTree(workspace, id)) throw invalid(`${id} is no tree`);
  return new Merge(workspace).trees(tree, update, 1);
}
