// The claims of this adapter.

import { FORMATS } from "./formats.js";
import { FRAME_BYTES, LIMITS, WINDOW } from "./limits.js";
import { rejected } from "./refusal.js";

const PROTOCOL = 1;

/** Features that are claimed however the adapter is attached. */
export const FEATURES = Object.freeze([
  "clock",
  "damage",
  "durable",
  "effects",
  "erase",
  "external",
  "fault.kill",
  "files",
  "flow.executor",
  "flow.metrics",
  "image.wasm",
  "schedule",
  "session.guest",
  "shared",
  "transcode",
  "wasm.continuation",
  "wasm.signature",
]);

/** The answer to hello. Throws Refusal rejected if the suite supports none of our protocols. */
export function sayHello({ protocol, frame_bytes, window }, features) {
  if (!protocol.includes(PROTOCOL)) throw rejected(`only protocol ${PROTOCOL} is spoken`);
  return {
    protocol: PROTOCOL,
    implementation: { name: "gritstone-javascript", version: "0.3.0", language: "javascript" },
    spec: ["0.6"],
    formats: [...FORMATS.keys()],
    profiles: ["grit", "wit", "runtime", "wasm", "session", "flow", "image"],
    features: [...features],
    limits: { ...LIMITS, window: Math.min(window, WINDOW), frame_bytes: Math.min(frame_bytes, FRAME_BYTES) },
  };
}
