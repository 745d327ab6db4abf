// The declared limits. All of them are above their floors on purpose, and none is a power of two: a suite
// that tests the floor instead of the declared value is found out.

/** Limits of the profiles `grit` and `wasm`. */
export const LIMITS = Object.freeze({
  object_bytes: 9_000_000, // bytes of one whole encoding
  tree_depth: 1_100, // trees nested below each other
  cas_names: 70, // changes in one update
  refs: 10_100, // references in one store
  wasm_pages: 1_100, // pages of a memory
});

/** Bytes of the longest line we read or write, its LF included. */
export const FRAME_BYTES = 16_777_216;

/** Requests that may be unanswered. */
export const WINDOW = 64;

/** Bytes of a bundle in one piece of an export. */
export const PIECE_BYTES = 1_048_576;
