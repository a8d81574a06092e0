/** A generator of integers from 0 to below a limit (xorshift): the same for the same seed. */
export function createRandom(seed: number): (limit: number) => number {
  let state = (seed * 0x9e3779b1) | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
