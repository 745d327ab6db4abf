// Transcoding: the same graph in another format. New ids are found from the leaves up.

import { bufferSource, readBundle, writeBundle } from "./bundle.js";
import { encodeObject } from "./formats.js";
import { eachEdge, replaceEdges } from "./kinds.js";
import { splitName } from "./references.js";
import { invalid, missing } from "./refusal.js";

const RENAMED_SPACES = new Set(["heads", "failed", "moved", "adopted", "archived", "closed", "gone"]);

/**
 * The bundle of the same graph in the format `to`. Throws Refusal as import does, and invalid, missing (a tombstone),
 * exhausted. Spec: grit.transcode.shape, grit.transcode.round-trip, grit.transcode.opaque, grit.transcode.refuse.
 */
export function transcode(from, to, bytes) {
  const bundle = readBundle(from, bufferSource(bytes));
  for (const [id, { kind }] of bundle.frames) {
    if (kind === null) throw missing(`${id} has been erased`, "erased");
  }
  const { newIds, encodings } = transcodeObjects(bundle, to);
  const refs = renameReferences(bundle.refs, newIds, encodings);
  return Buffer.concat([...writeBundle(to, refs, [...encodings.keys()].sort(), (id) => encodings.get(id))]);
}

// Children before parents, with a stack of its own: an object waits on the stack until all below it have new ids.
function transcodeObjects(bundle, to) {
  const newIds = new Map(); // old id -> new id
  const encodings = new Map(); // new id -> bytes
  for (const root of bundle.frames.keys()) {
    const stack = newIds.has(root) ? [] : [{ id: root, object: null }];
    while (stack.length > 0) {
      const top = stack.at(-1);
      if (newIds.has(top.id)) stack.pop();
      else if (top.object === null) {
        top.object = bundle.object(top.id);
        eachEdge(top.object, (id) => newIds.has(id) || stack.push({ id, object: null }));
      } else {
        const { bytes, id } = encodeObject(
          to,
          replaceEdges(top.object, (old) => newIds.get(old)),
        );
        newIds.set(top.id, id);
        encodings.set(id, bytes);
        stack.pop();
      }
    }
  }
  return { newIds, encodings };
}

function renameReferences(refs, newIds, encodings) {
  const renamed = refs.map(([name, target]) => [renameReference(name, newIds, encodings), newIds.get(target)]);
  return renamed.sort(([a], [b]) => (a < b ? -1 : 1));
}

function renameReference(name, newIds, encodings) {
  const [space, segment] = splitName(name);
  if (!RENAMED_SPACES.has(space)) return name;
  if (newIds.has(segment)) return `${space}/${newIds.get(segment)}`;
  if (encodings.has(segment)) throw invalid(`${name} stays, but is the text of a new id`);
  return name;
}
