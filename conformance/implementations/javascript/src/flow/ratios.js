// Exact numbers: ratios of BigInts, and logarithms as BigInts in units of 2^-96.

const FRACTION = 96n;
const PRECISION = 192n;
const ONE = 1n << PRECISION;

const divisor = (a, b) => (b === 0n ? a : divisor(b, a % b));

/** A ratio [num, den] in lowest terms, as numbers; x/0 is [0, 1]. */
export function ratio(num, den) {
  if (den === 0n) return [0, 1];
  const common = divisor(num, den);
  return [Number(num / common), Number(den / common)];
}

const bits = (number) => BigInt(number.toString(2).length);

/** The logarithm to base 2 of num/den, both above 0: at most 2^-95 too small. */
export function log2(num, den = 1n) {
  let whole = bits(num) - bits(den);
  const [above, below] = whole < 0n ? [num << -whole, den] : [num, den << whole];
  let rest = (above << PRECISION) / below; // from 1/2 to 2
  if (rest < ONE) {
    rest <<= 1n;
    whole -= 1n;
  }
  let result = whole;
  for (let i = 0n; i < FRACTION; i += 1n) {
    rest = (rest * rest) >> PRECISION;
    const bit = rest >= 2n * ONE ? 1n : 0n;
    rest >>= bit;
    result = 2n * result + bit;
  }
  return result;
}

/**
 * A sum of logarithms times num/den, rounded half up. A sum within 2^-64 below a half is one: a sum of logarithms of so
 * small numbers that is not a half is not so near to it.
 */
export function round(sum, num, den) {
  const half = 1n << (FRACTION - 1n);
  const scaled = (sum * num) / den + half + (1n << 32n);
  return Number(scaled >> FRACTION);
}
