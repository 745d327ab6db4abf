// The closure of a set of roots: an explicit stack, each object read once, ids as small numbers. No recursion.

import { eachEdge } from "./kinds.js";
import { exhausted, invalid } from "./refusal.js";

const BITS = Object.freeze({ blob: 1, tree: 2, message: 4, mailbox: 8, step: 16 });
const UNSEEN = 0;
const EDGE = 32; // an edge is number * EDGE + bits of the kinds it may lead to

const bitsOf = (kinds) => kinds.reduce((bits, kind) => bits | BITS[kind], 0);

class Walk {
  ids = []; // number -> id
  #numbers = new Map(); // id -> number
  #bits = []; // number -> bit of its kind, UNSEEN before it is read
  #nesting = []; // number -> nesting of a tree, 0 for all others
  #stack = [];

  constructor(read, treeDepth, known = () => undefined) {
    this.read = read;
    this.treeDepth = treeDepth;
    this.known = known;
  }

  #number(id) {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      number = this.ids.length;
      this.#numbers.set(id, number);
      this.ids.push(id);
      this.#bits.push(UNSEEN);
      this.#nesting.push(0);
    }
    return number;
  }

  #enter(number) {
    const known = this.known(this.ids[number]);
    if (known !== undefined) {
      this.#bits[number] = BITS[known.kind];
      this.#nesting[number] = known.nesting;
      return;
    }
    const object = this.read(this.ids[number]); // null: a tombstone, a leaf that counts as a blob
    const kind = object === null ? "blob" : object.kind;
    this.#bits[number] = BITS[kind];
    this.#nesting[number] = kind === "tree" ? 1 : 0;
    if (kind === "blob") return;
    const edges = new Set();
    eachEdge(object, (id, leads) => edges.add(this.#number(id) * EDGE + bitsOf(leads)));
    this.#stack.push({ number, edges: [...edges], next: 0 });
  }

  #finishEdge(from, to, allowed) {
    if ((this.#bits[to] & allowed) === 0) {
      throw invalid(`an edge of ${this.ids[from]} leads to ${this.ids[to]}, which is not of a kind it may lead to`);
    }
    if (this.#bits[from] !== BITS.tree || this.#bits[to] !== BITS.tree) return;
    this.#nesting[from] = Math.max(this.#nesting[from], this.#nesting[to] + 1);
    if (this.#nesting[from] > this.treeDepth) throw exhausted(`trees are nested deeper than ${this.treeDepth}`);
  }

  /** Call `learn(id, nesting)` for each blob (nesting 0) and tree that was met. */
  eachValue(learn) {
    for (let number = 0; number < this.ids.length; number += 1) {
      if ((this.#bits[number] & (BITS.blob | BITS.tree)) !== 0) learn(this.ids[number], this.#nesting[number]);
    }
  }

  /** Walk an edge from the outside to an id of one of these kinds. */
  addEdge(id, leads) {
    this.addRoot(id);
    if ((this.#bits[this.#number(id)] & bitsOf(leads)) === 0) throw invalid(`${id} is not one of ${leads.join(", ")}`);
  }

  addRoot(id) {
    const root = this.#number(id);
    if (this.#bits[root] === UNSEEN) this.#enter(root);
    while (this.#stack.length > 0) {
      const top = this.#stack.at(-1);
      if (top.next === top.edges.length) {
        this.#stack.pop();
        continue;
      }
      const edge = top.edges[top.next];
      const to = Math.floor(edge / EDGE);
      if (this.#bits[to] === UNSEEN) {
        this.#enter(to); // and come back to this edge when all below it is done
        continue;
      }
      this.#finishEdge(top.number, to, edge % EDGE);
      top.next += 1;
    }
  }
}

/**
 * Form the closure of `roots`: its ids, in no particular order.
 *
 * `read(id)` gives the object, or null for a tombstone, and throws the refusal for an id that is absent or corrupt.
 * Throws Refusal invalid for an edge to a wrong kind, exhausted for trees nested deeper than `treeDepth`.
 * Spec: grit.graph.edges, grit.graph.kinds, grit.graph.iterative.
 */
export function formClosure(roots, read, treeDepth) {
  const walk = new Walk(read, treeDepth);
  for (const root of roots) walk.addRoot(root);
  return walk.ids;
}

/**
 * Check that what `edges`, each [id, kinds it may lead to], reach is whole, as formClosure() does, without reading the objects
 * known to be complete: `whole` maps ids with a complete closure to their kinds; `knowledge` has the blobs and trees read before.
 * Returns the walk: its ids, and eachValue() for the facts that `knowledge` may store when all visited objects are stored.
 */
export function checkClosure(edges, read, treeDepth, knowledge, whole = new Map()) {
  const known = (id) => {
    const kind = whole.get(id);
    if (kind !== undefined) return { kind, nesting: 0 };
    const nesting = knowledge.nesting(id);
    return nesting === undefined ? undefined : { kind: nesting === 0 ? "blob" : "tree", nesting };
  };
  const walk = new Walk(read, treeDepth, known);
  for (const [id, leads] of edges) walk.addEdge(id, leads);
  return walk;
}
