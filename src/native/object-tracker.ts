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

  /** @returns the heap as V8 writes it, in JSON, and the largest identity of what is not new */
  takeSnapshot(): { json: string; lastOldId: number } {
    return { json: loadAddon().takeHeapSnapshot().toString('latin1'), lastOldId: this.#lastOldId };
  }

  /** Ends: V8 follows objects no longer. */
  dispose(): void {
    loadAddon().forgetObjectIds();
  }
}
