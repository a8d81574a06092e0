/**
 * Hashes of numbers: their first bits are to be used. Who wrote a capture could choose numbers whose
 * hashes meet, and each would be looked for among all of them; so a number of this process is mixed
 * in, which nobody else knows.
 */
const GOLDEN_RATIO: u64 = 0x9e3779b97f4a7c15;

/** The host gives it to `reset`. */
export let seed: u64 = 0;

export function hash(number: u64): u64 {
  return (number ^ seed) * GOLDEN_RATIO;
}
