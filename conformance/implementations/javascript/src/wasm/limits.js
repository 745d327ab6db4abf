// The limits of a module. Spec: wasm.module.limit.

import { unadmitted } from "./unadmitted.js";

export const PAGE_BYTES = 65_536;

/** Stack units that the frames of active functions may have together. Spec: wasm.stack.depth. */
export const STACK_UNITS = 65_536;

export const MODULE_LIMITS = Object.freeze({
  module_bytes: 8_388_608,
  types: 4_096,
  parameters: 64,
  results: 16,
  functions: 65_536,
  body_bytes: 262_144,
  locals: 10_000,
  nesting: 1_024,
  br_table_labels: 32_768,
  imports: 64,
  exports: 4_096,
  name_bytes: 1_024,
  globals: 1_024,
  table_elements: 65_536,
  data_segments: 16_384,
  element_segments: 4_096,
});

/** Check what decoding measured. Throws Unadmitted limit. */
export function checkLimits({ largest }, pages) {
  for (const [name, found] of Object.entries(largest)) {
    const most = name === "memory_pages" ? pages : MODULE_LIMITS[name];
    if (found > most) throw unadmitted("limit", `${name}: ${found} are more than ${most}`);
  }
}
