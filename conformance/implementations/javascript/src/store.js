// The rules of a store over any backend: the state of an id determines the result of each operation.

import { decodeObject, hashBytes } from "./formats.js";
import { formClosure } from "./graph.js";
import { Knowledge } from "./knowledge.js";
import { LIMITS } from "./limits.js";
import { isTarget, splitName } from "./references.js";
import { exhausted, invalid, missing, rejected } from "./refusal.js";

const absent = (id) => missing(`nothing is stored under ${id}`);
const erased = (id) => missing(`${id} has been erased`, "erased");
const corrupt = (id) => missing(`what is stored under ${id} does not hash to it`, "corrupt");

/** A store of one format. Every method throws Refusal as its operation is refused. */
export class Store {
  constructor(format, backend) {
    this.format = format;
    this.backend = backend;
    this.knowledge = Knowledge.of(backend);
  }

  /** The entry of an id, for the backend's load(). Throws Refusal missing, for a tombstone with the code erased. */
  entry(id) {
    if (this.backend.tombstones.has(id)) throw erased(id);
    const entry = this.backend.find(id);
    if (entry === undefined) throw absent(id);
    return entry;
  }

  /** The bytes of an entry of an id after hashing them again. Throws Refusal missing, corrupt. Spec: grit.store.verify. */
  verified(id, entry) {
    const bytes = this.backend.load(entry);
    if (hashBytes(this.format, bytes) !== id) throw corrupt(id);
    return bytes;
  }

  /** The object of an id, or null for a tombstone, as a walk meets it. */
  walked(id) {
    if (this.backend.tombstones.has(id)) return null;
    return this.#object(id);
  }

  #object(id) {
    return this.format.decode(this.verified(id, this.entry(id)));
  }

  /** As walked(), but an object that was read before need not be read again. It must not be altered. */
  read(id) {
    if (this.backend.tombstones.has(id)) return null;
    return this.knowledge.object(id, () => this.verified(id, this.entry(id)), this.format.decode);
  }

  /** Store bytes whose hash is known to be `id` unless they are stored already; false for an erased id. */
  keep(id, bytes) {
    if (this.backend.tombstones.has(id)) return false;
    const entry = this.backend.find(id);
    if (entry === undefined || !this.backend.load(entry).equals(bytes)) this.backend.add(id, bytes);
    return true;
  }

  /** Spec: grit.store.put-strict, grit.store.put-idempotent. */
  put(bytes, expected) {
    const { id } = decodeObject(this.format, bytes);
    if (expected !== undefined && expected !== id) throw invalid(`the bytes hash to ${id}`, "digest");
    this.backend.exclusively(() => {
      if (!this.keep(id, bytes)) throw rejected(`${id} has been erased`, "erased");
    });
    return id;
  }

  /** Spec: grit.store.verify, grit.store.missing. */
  get(id) {
    this.backend.refresh();
    return this.verified(id, this.entry(id));
  }

  /** Whether bytes are stored, for each id. */
  has(ids) {
    this.backend.refresh();
    return ids.map((id) => !this.backend.tombstones.has(id) && this.backend.find(id) !== undefined);
  }

  /** One page of references: {refs, more}. */
  list(prefix, after, limit) {
    this.backend.refresh();
    return this.backend.references.list(prefix, after, limit);
  }

  /** Compare and swap. Spec: grit.ref.cas, grit.ref.grammar, grit.ref.duplicate, grit.ref.limit. */
  swap(changes) {
    const names = new Set();
    for (const { name } of changes) {
      if (splitName(name) === null) throw invalid("a name is outside the grammar");
      if (names.has(name)) throw invalid(`${name} occurs in two changes`);
      names.add(name);
    }
    if (changes.length > LIMITS.cas_names) throw exhausted(`more than ${LIMITS.cas_names} changes`);
    this.backend.exclusively(() => this.#swapNow(changes));
  }

  #swapNow(changes) {
    const { references } = this.backend;
    for (const { name, old } of changes) {
      if (references.target(name) !== old) throw rejected(`${name} has another target`, "conflict");
    }
    const wanted = changes.filter((change) => change.new !== change.old).map((change) => [change.name, change.new]);
    for (const [name, target] of wanted) this.#checkTarget(name, target);
    this.#checkReferences(wanted);
    if (wanted.length > 0) this.backend.update([], wanted);
  }

  #checkTarget(name, target) {
    if (target === null) return;
    if (!isTarget(name, this.#object(target))) throw rejected(`${target} is not what ${name} may lead to`);
  }

  #checkReferences(changes) {
    if (this.backend.references.sizeAfter(changes) > LIMITS.refs)
      throw exhausted(`more than ${LIMITS.refs} references`);
  }

  /**
   * Store objects [[id, bytes, object], ...] and change references [{name, old, new}, ...], all in one update whose targets are
   * known to be right; false, without a change, if a reference does not have its expected target. Throws Refusal exhausted.
   */
  commit(objects, changes) {
    return this.backend.group(() => {
      const { references } = this.backend;
      if (changes.some(({ name, old }) => references.target(name) !== old)) return false;
      const wanted = changes.filter((change) => change.new !== change.old).map((change) => [change.name, change.new]);
      this.#checkReferences(wanted);
      for (const [id, bytes, object] of objects) {
        if (this.keep(id, bytes)) this.knowledge.learnObject(id, bytes.length, object);
      }
      if (wanted.length > 0) this.backend.update([], wanted);
      return true;
    });
  }

  /** The changes that an import makes to the references. Throws Refusal conflict, exhausted. */
  newReferences(refs) {
    const { references } = this.backend;
    const changes = refs.filter(([name, target]) => references.target(name) !== target);
    for (const [name] of changes) {
      if (references.target(name) !== null) throw rejected(`${name} has another target`, "conflict");
    }
    this.#checkReferences(changes);
    return changes;
  }

  /** The ids of the closure of roots in this store. Spec: grit.graph.edges. */
  closure(roots) {
    return formClosure(roots, (id) => this.walked(id), LIMITS.tree_depth);
  }

  /** Spec: grit.erase.gone, grit.erase.blob-only. */
  erase(id) {
    this.backend.exclusively(() => {
      if (this.backend.tombstones.has(id)) return;
      if (this.#object(id).kind !== "blob") throw rejected(`${id} is no blob`);
      this.backend.erase(id);
    });
  }

  /** Remove what no reference, no pin and no run in progress reaches; how many. Spec: grit.prune.exact, runtime.prune.running. */
  prune(pins) {
    return this.backend.exclusively(() => {
      const targets = this.backend.references.all().map(([, target]) => target);
      const held = [...this.backend.holders].flatMap((holder) => holder.pins());
      return this.backend.retain(new Set(this.closure([...targets, ...pins, ...held])));
    });
  }

  /** Flip bits of one stored byte. */
  damage(id, offset, xor) {
    this.backend.exclusively(() => {
      const entry = this.entry(id);
      if (offset >= this.backend.size(entry)) throw rejected("the offset is beyond the encoding");
      this.backend.damage(id, offset, xor);
    });
  }
}
