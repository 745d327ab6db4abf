// BLAKE3 with 32 bytes of output, without key or context. @noble/hashes computes the same and the tests hold this against
// it; this one keeps the sixteen words of state and of message in local variables, which is several times as fast and
// makes bundles of hundreds of megabytes possible within the deadlines.

const BLOCK_BYTES = 64;
const CHUNK_BLOCKS = 16;
const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const IV = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
const ROUNDS = 7;

/** Compress a block of 16 words into a chaining value of 8, in place. Unrolled on purpose. */
function compress(cv, m, counter, size, flags) {
  let v0 = cv[0],
    v1 = cv[1],
    v2 = cv[2],
    v3 = cv[3],
    v4 = cv[4],
    v5 = cv[5],
    v6 = cv[6],
    v7 = cv[7];
  let v8 = IV[0],
    v9 = IV[1],
    v10 = IV[2],
    v11 = IV[3];
  let v12 = counter | 0,
    v13 = (counter / 2 ** 32) | 0,
    v14 = size,
    v15 = flags;
  let m0 = m[0],
    m1 = m[1],
    m2 = m[2],
    m3 = m[3],
    m4 = m[4],
    m5 = m[5],
    m6 = m[6],
    m7 = m[7];
  let m8 = m[8],
    m9 = m[9],
    m10 = m[10],
    m11 = m[11],
    m12 = m[12],
    m13 = m[13],
    m14 = m[14],
    m15 = m[15];
  for (let round = 1; ; round += 1) {
    (v0 = (v0 + v4 + m0) | 0), (v12 ^= v0), (v12 = (v12 << 16) | (v12 >>> 16)), (v8 = (v8 + v12) | 0);
    (v4 ^= v8), (v4 = (v4 << 20) | (v4 >>> 12)), (v0 = (v0 + v4 + m1) | 0), (v12 ^= v0);
    (v12 = (v12 << 24) | (v12 >>> 8)), (v8 = (v8 + v12) | 0), (v4 ^= v8), (v4 = (v4 << 25) | (v4 >>> 7));
    (v1 = (v1 + v5 + m2) | 0), (v13 ^= v1), (v13 = (v13 << 16) | (v13 >>> 16)), (v9 = (v9 + v13) | 0);
    (v5 ^= v9), (v5 = (v5 << 20) | (v5 >>> 12)), (v1 = (v1 + v5 + m3) | 0), (v13 ^= v1);
    (v13 = (v13 << 24) | (v13 >>> 8)), (v9 = (v9 + v13) | 0), (v5 ^= v9), (v5 = (v5 << 25) | (v5 >>> 7));
    (v2 = (v2 + v6 + m4) | 0), (v14 ^= v2), (v14 = (v14 << 16) | (v14 >>> 16)), (v10 = (v10 + v14) | 0);
    (v6 ^= v10), (v6 = (v6 << 20) | (v6 >>> 12)), (v2 = (v2 + v6 + m5) | 0), (v14 ^= v2);
    (v14 = (v14 << 24) | (v14 >>> 8)), (v10 = (v10 + v14) | 0), (v6 ^= v10), (v6 = (v6 << 25) | (v6 >>> 7));
    (v3 = (v3 + v7 + m6) | 0), (v15 ^= v3), (v15 = (v15 << 16) | (v15 >>> 16)), (v11 = (v11 + v15) | 0);
    (v7 ^= v11), (v7 = (v7 << 20) | (v7 >>> 12)), (v3 = (v3 + v7 + m7) | 0), (v15 ^= v3);
    (v15 = (v15 << 24) | (v15 >>> 8)), (v11 = (v11 + v15) | 0), (v7 ^= v11), (v7 = (v7 << 25) | (v7 >>> 7));
    (v0 = (v0 + v5 + m8) | 0), (v15 ^= v0), (v15 = (v15 << 16) | (v15 >>> 16)), (v10 = (v10 + v15) | 0);
    (v5 ^= v10), (v5 = (v5 << 20) | (v5 >>> 12)), (v0 = (v0 + v5 + m9) | 0), (v15 ^= v0);
    (v15 = (v15 << 24) | (v15 >>> 8)), (v10 = (v10 + v15) | 0), (v5 ^= v10), (v5 = (v5 << 25) | (v5 >>> 7));
    (v1 = (v1 + v6 + m10) | 0), (v12 ^= v1), (v12 = (v12 << 16) | (v12 >>> 16)), (v11 = (v11 + v12) | 0);
    (v6 ^= v11), (v6 = (v6 << 20) | (v6 >>> 12)), (v1 = (v1 + v6 + m11) | 0), (v12 ^= v1);
    (v12 = (v12 << 24) | (v12 >>> 8)), (v11 = (v11 + v12) | 0), (v6 ^= v11), (v6 = (v6 << 25) | (v6 >>> 7));
    (v2 = (v2 + v7 + m12) | 0), (v13 ^= v2), (v13 = (v13 << 16) | (v13 >>> 16)), (v8 = (v8 + v13) | 0);
    (v7 ^= v8), (v7 = (v7 << 20) | (v7 >>> 12)), (v2 = (v2 + v7 + m13) | 0), (v13 ^= v2);
    (v13 = (v13 << 24) | (v13 >>> 8)), (v8 = (v8 + v13) | 0), (v7 ^= v8), (v7 = (v7 << 25) | (v7 >>> 7));
    (v3 = (v3 + v4 + m14) | 0), (v14 ^= v3), (v14 = (v14 << 16) | (v14 >>> 16)), (v9 = (v9 + v14) | 0);
    (v4 ^= v9), (v4 = (v4 << 20) | (v4 >>> 12)), (v3 = (v3 + v4 + m15) | 0), (v14 ^= v3);
    (v14 = (v14 << 24) | (v14 >>> 8)), (v9 = (v9 + v14) | 0), (v4 ^= v9), (v4 = (v4 << 25) | (v4 >>> 7));
    if (round === ROUNDS) break;
    const first0 = m0;
    (m0 = m2), (m2 = m3), (m3 = m10), (m10 = m12), (m12 = m9), (m9 = m11), (m11 = m5), (m5 = first0);
    const first1 = m1;
    (m1 = m6), (m6 = m4), (m4 = m7), (m7 = m13), (m13 = m14), (m14 = m15), (m15 = m8), (m8 = first1);
  }
  (cv[0] = v0 ^ v8), (cv[1] = v1 ^ v9), (cv[2] = v2 ^ v10), (cv[3] = v3 ^ v11);
  (cv[4] = v4 ^ v12), (cv[5] = v5 ^ v13), (cv[6] = v6 ^ v14), (cv[7] = v7 ^ v15);
}

function loadBlock(words, bytes, at) {
  for (let i = 0; i < 16; i += 1, at += 4) {
    words[i] = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
  }
}

/** The chaining value of two halves, as the last step with the flag ROOT. */
function joinHalves(left, right, flags) {
  const words = new Int32Array(16);
  words.set(left);
  words.set(right, 8);
  const cv = Int32Array.from(IV);
  compress(cv, words, 0, BLOCK_BYTES, PARENT | flags);
  return cv;
}

/** A running hash: update(bytes), then once digest(). */
export class Blake3 {
  #cv = Int32Array.from(IV); // of the chunk that is being read
  #words = new Int32Array(16);
  #block = new Uint8Array(BLOCK_BYTES); // not compressed yet, since it may be the last
  #blockSize = 0;
  #blocks = 0; // compressed in this chunk
  #chunks = 0; // whole ones before it
  #stack = []; // chaining values of whole subtrees, the largest first

  update(bytes) {
    for (let at = 0; at < bytes.length; ) {
      if (this.#blockSize === BLOCK_BYTES) this.#endBlock(this.#block, 0);
      // What is surely not the last block need not be copied first.
      for (; this.#blockSize === 0 && bytes.length - at > BLOCK_BYTES; at += BLOCK_BYTES) this.#endBlock(bytes, at);
      const size = Math.min(BLOCK_BYTES - this.#blockSize, bytes.length - at);
      this.#block.set(bytes.subarray(at, at + size), this.#blockSize);
      this.#blockSize += size;
      at += size;
    }
    return this;
  }

  /** 32 bytes. */
  digest() {
    this.#block.fill(0, this.#blockSize);
    loadBlock(this.#words, this.#block, 0);
    let isRoot = this.#stack.length === 0;
    compress(this.#cv, this.#words, this.#chunks, this.#blockSize, this.#start() | CHUNK_END | (isRoot ? ROOT : 0));
    let cv = this.#cv;
    while (!isRoot) {
      const left = this.#stack.pop();
      isRoot = this.#stack.length === 0;
      cv = joinHalves(left, cv, isRoot ? ROOT : 0);
    }
    const bytes = Buffer.alloc(32);
    cv.forEach((word, i) => {
      bytes.writeInt32LE(word, 4 * i);
    });
    return bytes;
  }

  #start() {
    return this.#blocks === 0 ? CHUNK_START : 0;
  }

  #endBlock(bytes, at) {
    loadBlock(this.#words, bytes, at);
    this.#blockSize = 0;
    const isLast = this.#blocks === CHUNK_BLOCKS - 1;
    compress(this.#cv, this.#words, this.#chunks, BLOCK_BYTES, this.#start() | (isLast ? CHUNK_END : 0));
    this.#blocks += 1;
    if (isLast) this.#endChunk();
  }

  #endChunk() {
    let cv = this.#cv;
    this.#chunks += 1;
    for (let total = this.#chunks; total % 2 === 0; total /= 2) cv = joinHalves(this.#stack.pop(), cv, 0);
    this.#stack.push(cv);
    this.#cv = Int32Array.from(IV);
    this.#blocks = 0;
  }
}
