// The metered form: a module that counts its own units and frames. Its sections; bodies are in metered-body.js.

import { PLACES, SECTION_IDS } from "./binary.js";
import { BodyMeter } from "./metered-body.js";
import { Reader } from "./reader.js";
import { Writer } from "./writer.js";

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUEL = [0x7e, 0x01, 0x42, 0x00, 0x0b]; // a mutable i64 of 0
const DEPTH = [0x7f, 0x01, 0x41, 0x00, 0x0b];
const LIMITED = 1; // flags of a memory
const SHARED = 3;
const GLOBAL_KIND = 3;
const MEMORY_KIND = 2;

/** The lists of two or more results that defined functions have, in the order in which they first occur: key -> index. */
function blockTypesOf({ parts, valid }) {
  const indices = new Map();
  for (const { results } of valid.spaces.functions.slice(valid.imported)) {
    const key = results.join();
    if (results.length > 1 && !indices.has(key))
      indices.set(key, { results, index: parts.types.length + indices.size });
  }
  return indices;
}

/** Append elements to the vector that a section holds, or to an empty one. */
function appended(bytes, section, count, write) {
  const out = new Writer();
  const reader = section === undefined ? null : new Reader(bytes, section.at, section.end);
  out.uleb((reader?.u32() ?? 0) + count);
  if (reader !== null) out.copy(bytes, reader.at, reader.end);
  write(out);
  return out.written;
}

function writeTypes(blockTypes) {
  return (out) => {
    for (const { results } of blockTypes.values()) {
      out.put([0x60, 0x00]);
      out.uleb(results.length);
      out.put(results);
    }
  };
}

function writeExport(out, name, kind, index) {
  out.uleb(name.length);
  out.put(Buffer.from(name, "ascii"));
  out.byte(kind);
  out.uleb(index);
}

function addedExports({ valid, memory, mutables }) {
  const fuel = valid.spaces.globals.length;
  const added = [
    ["grit:fuel", GLOBAL_KIND, fuel],
    ["grit:depth", GLOBAL_KIND, fuel + 1],
  ];
  if (memory !== null) added.push(["grit:memory", MEMORY_KIND, 0]);
  return [...added, ...mutables.map(({ index }) => [`grit:g${index}`, GLOBAL_KIND, index])];
}

function memorySection({ minimum, maximum }, isRun) {
  const out = new Writer(16);
  out.put([1, isRun ? SHARED : LIMITED]);
  out.uleb(minimum);
  out.uleb(maximum);
  return out.written;
}

function codeSection(module, blockTypes, isRun) {
  const out = new Writer(4 * module.bytes.length);
  const bodies = new BodyMeter(module, blockTypes, out, isRun);
  out.uleb(module.valid.bodies.length);
  module.valid.bodies.forEach((body, i) => {
    bodies.write(body, module.valid.spaces.functions[module.valid.imported + i]);
  });
  return out.written;
}

/** The contents of the sections that are not copied: id -> bytes. */
function changedSections(module, isRun) {
  const { bytes, parts, memory } = module;
  const section = (id) => parts.sections.find((each) => each.id === id);
  const blockTypes = blockTypesOf(module);
  const exports = addedExports(module);
  const changed = new Map();
  if (blockTypes.size > 0) {
    changed.set(SECTION_IDS.type, appended(bytes, section(SECTION_IDS.type), blockTypes.size, writeTypes(blockTypes)));
  }
  if (memory !== null) changed.set(SECTION_IDS.memory, memorySection(memory, isRun));
  const writeGlobals = (out) => out.put([...FUEL, ...DEPTH]);
  changed.set(SECTION_IDS.global, appended(bytes, section(SECTION_IDS.global), 2, writeGlobals));
  const writeExports = (out) => {
    for (const each of exports) writeExport(out, ...each);
  };
  changed.set(SECTION_IDS.export, appended(bytes, section(SECTION_IDS.export), exports.length, writeExports));
  if (section(SECTION_IDS.code) !== undefined) changed.set(SECTION_IDS.code, codeSection(module, blockTypes, isRun));
  return changed;
}

/**
 * Write the metered form of an admitted module. Spec: wasm.meter.exact.
 *
 * `isRun`: write what is run here instead, which does the same and suits the engine better. Its memory can be shared with
 * the thread that serves the guest. All checks of a body branch to one trap, since the engine keeps a copy of all it knows
 * of the stack for each `if`. Of a function whose frame never fits nothing else is left: the engine would make a frame of
 * its own before the function could find out.
 */
export function meter(module, isRun = false) {
  const changed = changedSections(module, isRun);
  const copied = module.parts.sections.map(({ id, at, end }) => [id, module.bytes.subarray(at, end)]);
  const sections = [...new Map([...copied, ...changed])].sort(([one], [other]) => PLACES.get(one) - PLACES.get(other));
  const out = new Writer(64 + sections.reduce((sum, [, content]) => sum + 8 + content.length, 0));
  out.put(MAGIC);
  for (const [id, content] of sections) {
    out.byte(id);
    out.uleb(content.length);
    out.put(content);
  }
  return out.written;
}
