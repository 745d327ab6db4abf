// The image of a core: the memory of a machine as blobs of one page each, and its state. Pages that did not change are the
// objects that they were.

import { follow } from "../wit/paths.js";
import { readState } from "./documents.js";

const PAGE_BYTES = 65_536;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);
const GRANTED_BY = [
  ["random", "random"],
  ["clock", "clock"],
  ["pages", "image"],
  ["globals", "image"],
  ["call", "image"],
];
const DIGITS = /^[0-9a-f]{2}$/;

/** Whether a manifest keeps state. */
export const keepsState = ({ image, random, clock, tank }) =>
  [image, random, clock, tank].some((each) => each !== undefined);

/** The state where none is stored. */
export function initialState({ random, clock }) {
  const ofRandom = random === undefined ? {} : { random: { key: random, position: 0n } };
  return { used: 0n, ...ofRandom, ...(clock === undefined ? {} : { clock: clock.start }) };
}

/**
 * The state that a call reads in a core: {used, random, clock, pages, globals, call}, each but `used` as far as the manifest
 * grants it and the core or the manifest has it; null if the manifest keeps none, undefined if it is defective.
 */
export function stateOf({ read, format }, core, manifest) {
  if (!keepsState(manifest)) return null;
  const id = follow(read, core, ["wasm", "state"]);
  const stored = id === null ? {} : readState(format, read(id));
  if (stored === null) return undefined;
  const state = { ...initialState(manifest), ...stored };
  for (const [name, grant] of GRANTED_BY) if (manifest[grant] === undefined) delete state[name];
  return state;
}

/** The pages below an entry of wasm/memory, [[number, id, data], ...], or null for a defect. */
function readPages({ read }, memory, most) {
  const pages = [];
  for (const [high, id] of memory.entries) {
    const tree = read(id);
    if (!DIGITS.test(high) || tree?.kind !== "tree") return null;
    for (const [low, pageId] of tree.entries) {
      const page = read(pageId);
      const number = Number.parseInt(high + low, 16);
      if (!DIGITS.test(low) || !isPage(page) || number >= most) return null;
      pages.push([number, pageId, page.data]);
    }
  }
  return pages;
}

const isPage = (object) =>
  object?.kind === "blob" &&
  object.headers.length === 0 &&
  object.data.length === PAGE_BYTES &&
  !object.data.equals(ZERO_PAGE);

const fits = (value, bits) => BigInt.asUintN(bits, value) === value;

/**
 * The image of a core for a module that it counts for: {pages, globals, memory: Map number -> {id, data}}, or null for a
 * defect. Spec: wasm.image.strict.
 */
export function imageOf(objects, core, state, module) {
  const { pages, globals, call } = state;
  if (call !== undefined && !module.waits) return null;
  if (pages === undefined || globals.length !== module.mutables.length) return null;
  if (!globals.every((value, i) => fits(value, module.mutables[i].bits))) return null;
  const { minimum, maximum } = module.memory ?? { minimum: 0, maximum: 0 };
  if (pages < minimum || pages > maximum) return null;
  const id = follow(objects.read, core, ["wasm", "memory"]);
  const memory = id === null ? { kind: "tree", entries: [] } : objects.read(id);
  const found = memory?.kind === "tree" ? readPages(objects, memory, pages) : null;
  if (found === null) return null;
  return { pages, globals, memory: new Map(found.map(([number, pageId, data]) => [number, { id: pageId, data }])) };
}

/** Make an instance what an image says; no guest code runs. Spec: wasm.image.complete, wasm.image.residue. */
export function restore(instance, { pages, globals, memory }) {
  instance.memory.fill(0); // active segments have just been there; what is new is 00
  if (pages > instance.pages) instance.growTo(pages);
  const bytes = instance.memory;
  for (const [number, { data }] of memory) bytes.set(data, number * PAGE_BYTES);
  instance.setGlobals(globals);
}

const spellDigits = (number) => number.toString(16).padStart(2, "0");

/**
 * Write the memory of an instance: the id of wasm/memory, or null for one that is all zero. `before` is the image that it
 * was restored from, or null. Spec: wasm.image.nodes, wasm.image.zero.
 */
export function writeMemory(workspace, bytes, before) {
  const trees = new Map(); // high digits -> [[low digits, id], ...]
  for (let number = 0; number * PAGE_BYTES < bytes.length; number += 1) {
    const page = Buffer.from(bytes.buffer, bytes.byteOffset + number * PAGE_BYTES, PAGE_BYTES);
    if (page.equals(ZERO_PAGE)) continue;
    const old = before?.memory.get(number);
    const id = old?.data.equals(page) ? old.id : workspace.writeBlob(Buffer.from(page));
    const high = spellDigits(number >> 8);
    if (!trees.has(high)) trees.set(high, []);
    trees.get(high).push([spellDigits(number & 0xff), id]);
  }
  if (trees.size === 0) return null;
  const entries = [...trees].map(([high, pages]) => [high, workspace.write({ kind: "tree", entries: pages })]);
  return workspace.write({ kind: "tree", entries });
}
