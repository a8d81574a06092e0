'use strict';

// What things take on V8's heap: x64, no pointer compression, as every official Node is built.

const WORD = 8;
const v8Major = Number.parseInt(process.versions.v8, 10);

/** Map, properties, elements; then a word per property that the object's literal or constructor names. */
const objectBytes = (properties) => (3 + properties) * WORD;

/** Map and length, then the elements. */
const elementsBytes = (length) => (2 + length) * WORD;

/** An object with a length, and its elements: exactly as many as `new Array(length)` asks for. */
const arrayBytes = (length) => objectBytes(1) + elementsBytes(length);

/** Map, hash and length; then a byte per character, up to a multiple of 8. */
const oneByteStringBytes = (length) => 2 * WORD + Math.ceil(length / WORD) * WORD;

/** On the heap: map and value. */
const numberBytes = 2 * WORD;

/** Map and length, then 64 bits in each word. */
const bigIntBytes = (bits) => (2 + Math.ceil(bits / 64)) * WORD;

/** An object with shared function info, context, feedback cell and code. */
const arrowFunctionBytes = objectBytes(4);

/** Map and length, scope info and outer context; then a word per captured variable. */
const contextBytes = (variables) => (4 + variables) * WORD;

/** An object with a table; that has a header, counts, and for each four entries two buckets. */
const smallMapBytes = objectBytes(1) + elementsBytes(3 + 2 + 4 * 3);

/** An object with its reactions, its flags, and a field for Node. */
const promiseBytes = objectBytes(3);

/** Map, next, two handlers, the promise that `then` gave, and the async context. */
const promiseReactionBytes = 6 * WORD;

/** Node's object of thirteen properties, two of which are numbers on the heap; and its list of one argument. */
const timerBytes = objectBytes(13) + 2 * 2 * WORD + arrayBytes(1);

/**
 * Stack, message and a cause, or what hides it; and an array of six words per frame, or of one that leads to an object
 * of seven.
 */
const errorBytes = (frames) =>
  objectBytes(3) +
  (v8Major < 13 ? elementsBytes(frames) + frames * 7 * WORD : elementsBytes(6 * frames));

/** A view and its ArrayBuffer, each with two fields for Node. The buffer's flags share a word in older V8. */
const typedArrayBytes = objectBytes(7 + 2) + objectBytes((v8Major < 13 ? 6 : 8) + 2);

/** The same, and the elements: up to 64 bytes of them are on V8's heap. */
const smallTypedArrayBytes = (bytes) => typedArrayBytes + elementsBytes(Math.ceil(bytes / WORD));

/** What V8 allocates natively for an ArrayBuffer: its backing store with a counter of owners, and the collector's link to it. */
const backingStoreBytes = 128;

module.exports = {
  arrayBytes,
  arrowFunctionBytes,
  backingStoreBytes,
  bigIntBytes,
  contextBytes,
  elementsBytes,
  errorBytes,
  numberBytes,
  objectBytes,
  oneByteStringBytes,
  promiseBytes,
  promiseReactionBytes,
  smallMapBytes,
  smallTypedArrayBytes,
  timerBytes,
  typedArrayBytes,
};
