// The working core of the puppet: a tree that programs change. Trees are read when a path enters them, and made into
// objects when an id is needed, so what a program writes and overwrites costs no hash.

import { LIMITS } from "../limits.js";
import { exhausted } from "../refusal.js";

const NEAR_LIMIT = 1024; // bytes of a blob without its headers and data, at most

// A node is one of
//   {id}                               an id that was not looked at
//   {id or null, entries: Map}         a tree; id null: it has changed
//   {id or null, headers, parts, size} a blob that is growing
const leaf = (id) => ({ id });

export class WorkingCore {
  #root;

  constructor(workspace, id) {
    this.workspace = workspace;
    this.#root = leaf(id);
    this.#entriesOf(this.#root);
  }

  get isEmpty() {
    return this.#root.entries.size === 0;
  }

  /** The entries of a node that is a tree, else null. */
  #entriesOf(node) {
    if (node.entries === undefined && node.parts === undefined) {
      const object = this.workspace.read(node.id);
      if (object?.kind === "tree") node.entries = new Map(object.entries.map(([name, id]) => [name, leaf(id)]));
    }
    return node.entries ?? null;
  }

  #find(names) {
    let node = this.#root;
    for (const name of names) {
      node = this.#entriesOf(node)?.get(name);
      if (node === undefined) return null;
    }
    return node;
  }

  /** The tree that is to hold the last name of a path, after all above it have been made trees and marked as changed. */
  #enter(names) {
    let node = this.#root;
    node.id = null;
    for (const name of names.slice(0, -1)) {
      let next = node.entries.get(name);
      if (next === undefined || this.#entriesOf(next) === null) {
        next = { id: null, entries: new Map() };
        node.entries.set(name, next);
      }
      next.id = null;
      node = next;
    }
    return node.entries;
  }

  #place(names, node) {
    this.#enter(names).set(names.at(-1), node);
  }

  /**
   * The names in each tree in which a name of a path is looked up, and {headers, size} of the blob at the path, else null. Nothing
   * is made of what was changed, unless a blob may be one that was erased.
   */
  lookUp(names) {
    const seen = [];
    let node = this.#root;
    for (const name of names) {
      const entries = node === undefined ? null : this.#entriesOf(node);
      if (entries === null) return { seen, blob: null };
      seen.push(entries.keys());
      node = entries.get(name);
    }
    return { seen, blob: node === undefined ? null : this.#blobOf(node) };
  }

  #blobOf(node) {
    if (this.#entriesOf(node) !== null) return null;
    if (node.parts !== undefined) {
      const isThere = !this.workspace.mayBeErased || this.workspace.read(this.#idOf(node)) !== null;
      return isThere ? node : null;
    }
    const object = this.workspace.read(node.id);
    return object?.kind === "blob" ? { headers: object.headers, size: object.data.length } : null;
  }

  /** Whether something is at a path. */
  has(names) {
    return this.#find(names) !== null;
  }

  /** The id of what is at a path, or null. */
  at(names) {
    const node = this.#find(names);
    return node === null ? null : this.#idOf(node);
  }

  /** The object at a path, undefined if there is nothing, null for an erased blob. */
  read(names) {
    const id = this.at(names);
    return id === null ? undefined : this.workspace.read(id);
  }

  put(names, id) {
    this.#place(names, leaf(id));
  }

  write(names, data) {
    this.#place(names, { id: null, headers: [], parts: [data], size: data.length });
  }

  /** Append to the blob at a path; false if there is a tree or an erased blob. */
  append(names, data) {
    const node = this.#find(names);
    if (node === null) this.write(names, data);
    else if (this.#entriesOf(node) !== null || !this.#open(node)) return false;
    else if (data.length > 0) this.#grow(names, node, data);
    return true;
  }

  #open(node) {
    if (node.parts !== undefined) return !this.workspace.mayBeErased || this.workspace.read(this.#idOf(node)) !== null;
    const object = this.workspace.read(node.id);
    if (object?.kind !== "blob") return false;
    Object.assign(node, { headers: object.headers, parts: [object.data], size: object.data.length });
    return true;
  }

  #grow(names, node, data) {
    node.parts.push(data);
    node.size += data.length;
    if (node.size > LIMITS.object_bytes) throw exhausted("a blob grew beyond object_bytes");
    this.#place(names, node);
    node.id = null;
    if (node.size + headerBytes(node.headers) > LIMITS.object_bytes - NEAR_LIMIT) this.#idOf(node); // which may throw
  }

  /** Remove what is at a path, and the trees above it that are empty then. */
  delete(names) {
    if (!this.has(names)) return;
    const trees = [];
    for (let depth = 0; depth < names.length; depth += 1) trees.push(this.#find(names.slice(0, depth)));
    for (const tree of trees) tree.id = null;
    for (let depth = names.length - 1; depth >= 0; depth -= 1) {
      trees[depth].entries.delete(names[depth]);
      if (trees[depth].entries.size > 0) return;
    }
  }

  /** The id of the core as it is now. It must not be empty. Throws Refusal exhausted. */
  id() {
    return this.#idOf(this.#root);
  }

  #idOf(node) {
    if (node.id === null) node.id = this.#make(node);
    return node.id;
  }

  #make(node) {
    if (node.parts === undefined) {
      const entries = [...node.entries].map(([name, child]) => [name, this.#idOf(child)]);
      return this.workspace.write({ kind: "tree", entries });
    }
    node.parts = [Buffer.concat(node.parts)];
    return this.workspace.writeBlob(node.parts[0], node.headers);
  }
}

function headerBytes(headers) {
  return headers.reduce((sum, [key, value]) => sum + 10 + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
}
