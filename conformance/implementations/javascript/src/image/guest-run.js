// The call of a guest that answers a message in an operation.

import { missing } from "./fault.js";

/** Make the step of an act by the module that a pinned core names. Throws Fault, FrameEnd. */
export function runGuest() {
  throw missing("handler");
}
