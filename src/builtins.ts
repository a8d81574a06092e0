/**
 * What tests may replace until their afterEach hook, and we need to read what was recorded: as it was when this
 * package was loaded.
 */
export const { abs, ceil, floor, max, min, round } = Math;
export const { isFinite: isFiniteNumber, isInteger, isSafeInteger } = Number;
export const { assign, create, defineProperty, entries, fromEntries, hasOwn } = Object;
export const { from: arrayFrom } = Array;
