// Ids are kept as 64 lower-case hexadecimal digits: their order as text is their order as bytes, and they are map keys.

/** The zero id: there is no object. */
export const ZERO_ID = "0".repeat(64);

/** Bytes of an id. */
export const ID_BYTES = 32;

/** Whether a text is the text form of an id (the all-zero one too). Spec: grit.id.text. */
export const isIdText = (text) => /^[0-9a-f]{64}$/.test(text) && text.length === 64;

/** The id in `bytes` at the offset `at`. */
export const idAt = (bytes, at) => bytes.toString("hex", at, at + ID_BYTES);

/** The 32 bytes of an id. */
export const idBytes = (id) => Buffer.from(id, "hex");
