// The check of a first core.

import { check } from "./check.js";
import {
  ErasedDocument,
  encodingOf,
  hasFlowCode,
  isBlob,
  isCode,
  isDocument,
  isSealed,
  isTree,
  readNamed,
  readValue,
} from "./documents.js";
import { isCarry, isNames } from "./forms.js";
import { refsIn } from "./values.js";

const REQUIRED = ["wit", "program", "policy", "input"];
const OF_SUCCESSOR = ["from", "carry", "starter"];

/** name -> whether an entry (workspace, id) has its form. The documents of CONTENTS are read later. */
const ENTRIES = new Map([
  ["wit", ({ read }, id) => isCode(read(id))],
  ["wit_query", ({ read }, id) => isCode(read(id))],
  ["name", ({ read }, id) => isBlob(read(id))],
  ["program", ({ read }, id) => isBlob(read(id))],
  ["input", ({ read }, id) => isBlob(read(id))],
  ["policy", isPolicyTree],
  ["refs", (workspace, id) => readNamed(workspace, id, isSealed) !== undefined],
]);
const MORE_OF_SUCCESSOR = new Map([
  ["from", hasFlowCode],
  ["starter", ({ read }, id) => isTree(read(id))],
  ["carry", ({ read }, id) => isDocument(read(id))],
  ["erased", ({ read }, id) => isDocument(read(id))],
  ["prior", (workspace, id) => readNamed(workspace, id, isDocument) !== undefined],
  ["facts", (workspace, id) => readNamed(workspace, id, isDocument) !== undefined],
]);

function isPolicyTree(workspace, id) {
  const object = workspace.read(id);
  if (!isTree(object)) return false;
  const { doc, peers, ...others } = Object.fromEntries(object.entries);
  if (doc === undefined || Object.keys(others).length > 0 || !isBlob(workspace.read(doc))) return false;
  return peers === undefined || readNamed(workspace, peers, isTree) !== undefined;
}

/** Whether the entries have their forms, as far as this does not need the value of a document. */
function isClosed(workspace, entries) {
  const isSuccessor = entries.has("from");
  if (!(isSuccessor ? [...REQUIRED, ...OF_SUCCESSOR] : REQUIRED).every((name) => entries.has(name))) return false;
  const formOf = (name) => ENTRIES.get(name) ?? (isSuccessor ? MORE_OF_SUCCESSOR.get(name) : undefined);
  return [...entries].every(([name, id]) => formOf(name)?.(workspace, id) ?? false);
}

const namesIn = ({ read }, id) => (id === undefined ? [] : read(id).entries.map(([name]) => name));

/** name -> whether a value has the form of the document; `refs` are the names in `refs`. */
const VALUES = new Map([
  ["carry", isCarry],
  ["erased", (value, refs) => isNames()(value) && value.every((name) => refs.has(name))],
]);

/** Whether each ref in the documents of a tree is among `refs`, apart from those that were erased. */
function hasKnownRefs({ read }, tree, refs) {
  const objects = (tree === undefined ? [] : read(tree).entries)
    .map(([, id]) => read(id))
    .filter((each) => each !== null);
  return objects.every((object) => [...refsIn(readValue(object))].every((name) => refs.has(name)));
}

/** Whether the documents of a successor have their forms, apart from those that were erased. */
function hasValues(workspace, entries, refs) {
  const { read } = workspace;
  if (!["prior", "facts"].every((name) => hasKnownRefs(workspace, entries.get(name), refs))) return false;
  const present = [...VALUES].filter(([name]) => entries.has(name) && read(entries.get(name)) !== null);
  return present.every(([name, hasForm]) => hasForm(readValue(read(entries.get(name))), refs));
}

/**
 * The defects [at, code] of a first core, in ascending order. Throws Failure failed if a document was erased that the check
 * needs. Spec: flow.core.closed, flow.check.same.
 */
export function defectsOf(workspace, core) {
  const { read } = workspace;
  const entries = new Map(read(core).entries);
  if (!isClosed(workspace, entries)) return [["", "core"]];
  const refs = namesIn(workspace, entries.get("refs"));
  if (!hasValues(workspace, entries, new Set(refs))) return [["", "core"]];
  const policy = new Map(read(entries.get("policy")).entries);
  const documents = { program: entries.get("program"), policy: policy.get("doc"), input: entries.get("input") };
  const needed = { ...documents, carry: entries.get("carry"), erased: entries.get("erased") };
  for (const [name, id] of Object.entries(needed))
    if (id !== undefined && read(id) === null) throw new ErasedDocument(`${name} of the core`);
  const encodings = Object.fromEntries(Object.entries(documents).map(([name, id]) => [name, encodingOf(read(id))]));
  return check({ ...encodings, peers: namesIn(workspace, policy.get("peers")), refs });
}
