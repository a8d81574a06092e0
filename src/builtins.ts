/**
 * What tests may replace until their afterEach hook, and we need to read what was recorded: as it was when this
 * package was loaded.
 */
export const { abs, ceil, floor, max, min, round } = Math;
export const { isFinite: isFiniteNumber, isInteger, isSafeInteger } = Number;
export const { assign, create, defineProperty, entries, fromEntries, hasOwn } = Object;
export const { from: arrayFrom } = Array;

/** Whose methods we call, and so does what we call of Mocha and Node. */
const PROTOTYPES = [Array, Map, RegExp, Set, String, WeakMap].map(
  ({ prototype }) => prototype as unknown as Record<PropertyKey, unknown>,
);
const { getOwnPropertyDescriptor, ownKeys } = Reflect;
const METHODS = PROTOTYPES.flatMap((prototype) =>
  ownKeys(prototype)
    .map((name) => ({ prototype, name, original: getOwnPropertyDescriptor(prototype, name)! }))
    .filter(({ original }) => typeof original.value === 'function' && original.configurable),
);

/**
 * Calls `work` while arrays, strings and collections have the methods that they had when this package was loaded. A
 * test may have replaced one by a stub, which `work` would fail on, or by a spy, which would count its calls.
 */
export function callWithOriginals<Result>(work: () => Result): Result {
  const restoreFrom = (index: number): Result => {
    // Not for...of, nor a method: these may be replaced.
    for (let i = index; i < METHODS.length; i++) {
      const { prototype, name, original } = METHODS[i]!;
      if (prototype[name] === original.value) continue;
      const current = getOwnPropertyDescriptor(prototype, name);
      if (!current?.configurable) continue;
      defineProperty(prototype, name, original);
      try {
        return restoreFrom(i + 1);
      } finally {
        defineProperty(prototype, name, current);
      }
    }
    return work();
  };
  return restoreFrom(0);
}
