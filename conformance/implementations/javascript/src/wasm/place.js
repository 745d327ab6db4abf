// The function `place`: a tree with something else at a path. All trees on the way are weighed before any is made.

import { ZERO_ID } from "../ids.js";
import { readPath } from "../wit/paths.js";
import { ABSENT, INVALID, LIMIT, demand } from "./problems.js";
import { demandEdge, demandKind, demandKnown } from "./scope.js";
import { MOST_WEIGHT, entryOf, weightOf, weightOfTree } from "./weights.js";

const PATH = { bytes: 4_096, names: 1_024 };
const NO_TREE = { kind: "tree", entries: [] };

/** The names of a path that a guest gave. */
export function readGuestPath({ format }, bytes) {
  const names = bytes.length <= PATH.bytes ? readPath(format, bytes) : null;
  demand(names !== null && names.length <= PATH.names, INVALID);
  return names;
}

/** The trees in which the names of a path stand, one for each, null where there is none. */
function descend({ read }, root, names) {
  const levels = [root];
  for (const name of names.slice(0, -1)) {
    const above = levels.at(-1);
    const id = above === null ? null : entryOf(above, name);
    const object = id === null ? null : read(id);
    levels.push(object?.kind === "tree" ? object : null);
  }
  return levels;
}

/** What is to be made, the deepest first: [{others, name, isRemoved}, ...]. A tree that becomes empty is none of them. */
function listTrees(levels, names, isRemoval) {
  const trees = [];
  let isRemoved = isRemoval;
  for (let depth = names.length - 1; depth >= 0; depth -= 1) {
    const name = names[depth];
    const others = (levels[depth] ?? NO_TREE).entries.filter(([each]) => each !== name);
    if (isRemoved && others.length === 0) continue;
    trees.push({ others, name, isRemoved });
    isRemoved = false;
  }
  return trees;
}

const weightOfNew = ({ others, name, isRemoved }) => weightOfTree(others) + (isRemoved ? 0 : weightOfTree([[name]]));

function makeTrees(workspace, trees, child) {
  let id = child;
  for (const { others, name, isRemoved } of trees) {
    id = workspace.write({ kind: "tree", entries: isRemoved ? others : [...others, [name, id]] });
  }
  return id;
}

export function place(call, [tree, path, child]) {
  const names = readGuestPath(call, path);
  demandKnown(call, tree, { mayBeZero: true });
  demandKnown(call, child, { mayBeZero: true, isLifted: true });
  const root = tree === ZERO_ID ? NO_TREE : demandKind(call, tree, "tree");
  demandEdge(call, child, "blob", "tree");
  const levels = descend(call.workspace, root, names);
  const isRemoval = child === ZERO_ID;
  const before = levels.reduce((sum, level) => sum + (level === null ? 0 : weightOf(level)), 0);
  const isThere = levels.at(-1) !== null && entryOf(levels.at(-1), names.at(-1)) !== null;
  if (isRemoval && !isThere) return { weight: before, error: ABSENT };
  const trees = listTrees(levels, names, isRemoval);
  const weights = trees.map(weightOfNew);
  const weight = weights.reduce((sum, each) => sum + each, before);
  if (weights.some((each) => each > MOST_WEIGHT)) return { weight, error: LIMIT };
  return { weight, make: () => [makeTrees(call.workspace, trees, child)] };
}
