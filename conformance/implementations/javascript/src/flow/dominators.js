// Dominators of a directed graph, by the algorithm of Lengauer and Tarjan with path compression: O(m log n).
//
// A graph is a list of lists of successors; its vertices are their indices. A vertex d dominates v if each way from the
// root to v passes d.

/** The vertices that can be reached, in the order of a depth-first search, with the vertex from which each was found. */
export function search(successors, root) {
  const found = new Map([[root, null]]);
  const order = [root];
  const stack = [{ vertex: root, next: 0 }];
  while (stack.length > 0) {
    const top = stack.at(-1);
    const to = successors[top.vertex][top.next];
    top.next += 1;
    if (to === undefined) stack.pop();
    else if (!found.has(to)) {
      found.set(to, top.vertex);
      order.push(to);
      stack.push({ vertex: to, next: 0 });
    }
  }
  return { order, found };
}

/** Numbers in the order of the search take the place of vertices: parents and predecessors. */
function numbered(successors, { order, found }) {
  const numbers = new Map(order.map((vertex, number) => [vertex, number]));
  const parents = order.map((vertex) => numbers.get(found.get(vertex)));
  const predecessors = order.map(() => []);
  order.forEach((vertex, number) => {
    for (const to of successors[vertex]) predecessors[numbers.get(to)].push(number);
  });
  return { parents, predecessors };
}

/** A forest of vertices that were joined to their parents. It gives the least semidominator on the way to a root. */
class Forest {
  constructor(size, semi) {
    this.semi = semi;
    this.ancestor = new Array(size).fill(null);
    this.best = Array.from({ length: size }, (_, vertex) => vertex);
  }

  #compress(vertex) {
    const way = [];
    for (let at = vertex; this.ancestor[this.ancestor[at]] !== null; at = this.ancestor[at]) way.push(at);
    for (const at of way.reverse()) {
      const above = this.ancestor[at];
      if (this.semi[this.best[above]] < this.semi[this.best[at]]) this.best[at] = this.best[above];
      this.ancestor[at] = this.ancestor[above];
    }
  }

  leastAbove(vertex) {
    if (this.ancestor[vertex] === null) return vertex;
    this.#compress(vertex);
    return this.best[vertex];
  }
}

function immediateDominators({ parents, predecessors }) {
  const size = parents.length;
  const semi = Array.from({ length: size }, (_, vertex) => vertex);
  const forest = new Forest(size, semi);
  const waiting = parents.map(() => []); // by semidominator
  const dominators = new Array(size).fill(0);
  for (let vertex = size - 1; vertex > 0; vertex -= 1) {
    for (const from of predecessors[vertex]) semi[vertex] = Math.min(semi[vertex], semi[forest.leastAbove(from)]);
    waiting[semi[vertex]].push(vertex);
    const parent = parents[vertex];
    forest.ancestor[vertex] = parent;
    for (const below of waiting[parent].splice(0)) {
      const least = forest.leastAbove(below);
      dominators[below] = semi[least] < semi[below] ? least : parent;
    }
  }
  for (let vertex = 1; vertex < size; vertex += 1) {
    if (dominators[vertex] !== semi[vertex]) dominators[vertex] = dominators[dominators[vertex]];
  }
  return dominators;
}

/** The interval of numbers that a vertex and what it dominates have in a search of the tree of dominators. */
function intervals(dominators) {
  const below = dominators.map(() => []);
  for (let vertex = 1; vertex < dominators.length; vertex += 1) below[dominators[vertex]].push(vertex);
  const { order } = search(below, 0);
  const sizes = new Array(order.length).fill(1);
  for (const vertex of order.slice(1).reverse()) sizes[dominators[vertex]] += sizes[vertex];
  const first = new Map(order.map((vertex, number) => [vertex, number]));
  return sizes.map((size, vertex) => [first.get(vertex), first.get(vertex) + size]);
}

/** What dominates what in a graph: `reaches(v)`, and `dominates(d, v)` of vertices that can be reached. */
export function dominatorsOf(successors, root) {
  const searched = search(successors, root);
  const numbers = new Map(searched.order.map((vertex, number) => [vertex, number]));
  const spans = intervals(immediateDominators(numbered(successors, searched)));
  return {
    reaches: (vertex) => numbers.has(vertex),
    dominates(above, below) {
      if (!numbers.has(above)) return false;
      const [first, end] = spans[numbers.get(above)];
      const [place] = spans[numbers.get(below)];
      return first <= place && place < end;
    },
  };
}
