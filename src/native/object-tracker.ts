import { constants } from 'node:buffer';
import { createHeapTooLargeError } from '../errors';
import { loadAddon } from './addon';
import { dropCompilers } from './compilers';

/**
 * Tells the objects that are made after its construction and can still be reached when `takeSnapshot()`
 * is called. Costs two collections of garbage at the start, a snapshot of the heap at the end, and little in between.
 */
export class ObjectTracker {
  readonly #lastOldId: number;

  /** Begins. */
  constructor() {
    const addon = loadAddon();
    // A tracker starts next, and the objects that takes are not the test's.
    dropCompilers(addon);
    this.#lastOldId = addon.assignObjectIds();
  }

  /**
   * @returns the heap as V8 writes it, in JSON, and the largest identity of what is not new
   * @throws MemrayMochaError `ERR_MEMRAY_HEAP_TOO_LARGE` when no string can hold that
   */
  takeSnapshot(): { json: string; lastOldId: number } {
    const snapshot = loadAddon().takeHeapSnapshot();
    const { length } = snapshot;
    if (length > constants.MAX_STRING_LENGTH) throw createHeapTooLargeError(length);
    return { json: snapshot.toString('latin1'), lastOldId: this.#lastOldId };
  }

  /** Ends: V8 follows objects no longer. */
  dispose(): void {
    loadAddon().forgetObjectIds();
  }
}
