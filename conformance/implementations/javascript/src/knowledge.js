// Facts about the objects of a store that one process has computed and that stay true as long as no stored object was
// altered or removed. Everything here can be dropped at any time, and is when it grows.

const OBJECT_COST = 1 << 25; // bytes, roughly, in each of two generations
const FACTS = 1 << 17; // in each of two generations
const SMALL = 300; // bytes that an object costs in addition to its content, roughly

/** A bounded map of recently used entries: two generations; the older one is dropped when the newer one is full. */
class Generations {
  #young = new Map();
  #old = new Map();
  #cost = 0;

  constructor(most) {
    this.most = most;
  }

  set(key, value, cost = 1) {
    this.#young.set(key, { value, cost });
    this.#cost += cost;
    if (this.#cost < this.most) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#cost = 0;
  }

  clear() {
    this.#young = new Map();
    this.#old = new Map();
    this.#cost = 0;
  }

  /** The value of a key, or undefined. */
  find(key) {
    const found = this.#young.get(key);
    if (found !== undefined) return found.value;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.set(key, old.value, old.cost);
    return old.value;
  }
}

const KNOWLEDGE = new WeakMap(); // backend -> Knowledge

/** Of one backend. */
export class Knowledge {
  #objects = new Generations(OBJECT_COST);
  #whole = new Generations(FACTS); // id of a blob or tree whose closure is whole -> its nesting, 0 for a blob
  #roots = new Generations(FACTS); // id of a message -> the id at the root of its chain
  #epoch;

  static of(backend) {
    if (!KNOWLEDGE.has(backend)) KNOWLEDGE.set(backend, new Knowledge(backend));
    return KNOWLEDGE.get(backend);
  }

  constructor(backend) {
    this.backend = backend;
    this.#epoch = backend.epoch;
  }

  #current(generations) {
    if (this.#epoch !== this.backend.epoch) {
      for (const each of [this.#objects, this.#whole, this.#roots]) each.clear();
      this.#epoch = this.backend.epoch;
    }
    return generations;
  }

  /** The object of an id; `load` returns its bytes if it is not cached. */
  object(id, load, decode) {
    const objects = this.#current(this.#objects);
    const known = objects.find(id);
    if (known !== undefined) return known;
    const bytes = load();
    const object = decode(bytes);
    this.learnObject(id, bytes.length, object);
    return object;
  }

  learnObject(id, size, object) {
    this.#current(this.#objects).set(id, object, SMALL + 3 * size);
  }

  /** The nesting of a blob or tree whose closure is known to be complete, or undefined. */
  nesting(id) {
    return this.#current(this.#whole).find(id);
  }

  learnNesting(id, nesting) {
    this.#current(this.#whole).set(id, nesting);
  }

  /** The root of the chain of a message, or undefined. */
  root(id) {
    return this.#current(this.#roots).find(id);
  }

  learnRoot(id, root) {
    this.#current(this.#roots).set(id, root);
  }
}
