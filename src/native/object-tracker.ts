import { loadAddon } from './addon';

/**
 * Tells the objects that are made between `start()` and `stop()` and can still be reached then. Costs
 * two collections of garbage at the start, a snapshot of the heap at the end, and little in between.
 */
export class ObjectTracker {
  readonly #lastOldId: number;

  /** Begins. */
  constructor() {
    this.#lastOldId = loadAddon().assignObjectIds();
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
