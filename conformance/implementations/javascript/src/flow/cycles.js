// The vertices of a directed graph that are on a cycle, by Tarjan's strongly connected components. A graph is a list of
// lists of successors. The depth of the recursion is at most the number of vertices: 1,024 nodes, or 64 subs.

class Components {
  #numbers = new Map();
  #low = new Map();
  #open = []; // vertices whose component is not complete
  #isOpen = new Set();
  cyclic = new Set();

  constructor(successors) {
    this.successors = successors;
  }

  visit(vertex) {
    if (this.#numbers.has(vertex)) return;
    const number = this.#numbers.size;
    this.#numbers.set(vertex, number);
    this.#open.push(vertex);
    this.#isOpen.add(vertex);
    let low = number;
    for (const to of this.successors[vertex]) {
      this.visit(to);
      if (this.#isOpen.has(to)) low = Math.min(low, this.#low.get(to) ?? this.#numbers.get(to));
    }
    this.#low.set(vertex, low);
    if (low === number) this.#complete(vertex);
  }

  #complete(vertex) {
    const members = this.#open.splice(this.#open.lastIndexOf(vertex));
    for (const member of members) this.#isOpen.delete(member);
    const isCyclic = members.length > 1 || this.successors[vertex].includes(vertex);
    if (isCyclic) for (const member of members) this.cyclic.add(member);
  }
}

/** The vertices on a cycle, as a Set. */
export function cyclicOf(successors) {
  const components = new Components(successors);
  for (const vertex of successors.keys()) components.visit(vertex);
  return components.cyclic;
}
