// The five kinds: one table drives encoding and decoding in both formats, and the edges of the graph.
//
// An object is {kind, ...fields} as in the harness, but data is a Buffer:
//   headers  [[key, value], ...]      names   [[name, id], ...]      pairs   [[id, id], ...]
//   id       text form of an id       none    such an id, or null    data    Buffer
//
// `leads` names the kinds an id in that field may lead to; `keys` those of the keys of a mailbox.

const field = (name, type, leads = [], keys = []) => ({ name, type, leads, keys });

/** kind -> its fields in the order of both formats. Spec: grit.object.kinds, grit.step.fields, grit.graph.edges. */
export const KINDS = Object.freeze({
  blob: [field("headers", "headers"), field("data", "data")],
  tree: [field("entries", "names", ["blob", "tree"])],
  message: [
    field("previous", "none", ["message"]),
    field("headers", "headers"),
    field("content", "id", ["blob", "tree"]),
  ],
  mailbox: [field("entries", "pairs", ["message"], ["tree"])],
  step: [
    field("previous", "none", ["step"]),
    field("actor", "id", ["tree"]),
    field("inbox", "none", ["mailbox"]),
    field("outbox", "none", ["mailbox"]),
    field("core", "id", ["tree"]),
  ],
});

/** The kinds in the order of their numbers in cbor-blake3. */
export const KIND_NAMES = Object.freeze(Object.keys(KINDS));

/** Call `follow(id, leads)` for each edge of an object, in order. */
export function eachEdge(object, follow) {
  for (const { name, type, leads, keys } of KINDS[object.kind]) {
    const value = object[name];
    if (type === "id" || (type === "none" && value !== null)) follow(value, leads);
    else if (type === "names") for (const [, id] of value) follow(id, leads);
    else if (type === "pairs") {
      for (const [key, id] of value) {
        follow(key, keys);
        follow(id, leads);
      }
    }
  }
}

/** The object with each edge replaced by the result of `rename`; everything else is the same. */
export function replaceEdges(object, rename) {
  const copy = { kind: object.kind };
  for (const { name, type } of KINDS[object.kind]) {
    const value = object[name];
    if (type === "id" || (type === "none" && value !== null)) copy[name] = rename(value);
    else if (type === "names") copy[name] = value.map(([key, id]) => [key, rename(id)]);
    else if (type === "pairs") copy[name] = value.map(([key, id]) => [rename(key), rename(id)]);
    else copy[name] = value;
  }
  return copy;
}
