// Tests may fake these.
const { Promise, setImmediate } = globalThis;
/** V8 keeps the text that a regular expression was last found in, however large: has it keep none. */
const forgetLastMatch = RegExp.prototype.exec.bind(/^/, '');

/** How often garbage is collected for what only several collections let go, one after the other. */
const MAX_COLLECTIONS = 10;
/** By less than this part of what is live, a collection has let go nothing that another could follow. */
const LEAST_DROP = 1 / 16;

/**
 * Lets go what only waits for its turn: microtasks, immediates already queued, and, after each
 * collection, callbacks of finalization registries. What these release is for the next one, as
 * long as that may matter.
 *
 * @param collector collects all garbage
 * @param findTracker the one that tells what is live, as long as it runs
 * @param limitBytes below this, nothing that is live matters
 */
export async function collectGarbage(
  collector: { collectGarbage(): void },
  findTracker: () => { liveBytes: number } | undefined,
  limitBytes: number,
): Promise<void> {
  await nextTurn();
  let left = Infinity;
  for (let count = 0; count < MAX_COLLECTIONS; count++) {
    const tracker = findTracker();
    if (!tracker) break;
    collector.collectGarbage();
    const { liveBytes } = tracker;
    await nextTurn();
    if (liveBytes < limitBytes || liveBytes >= left * (1 - LEAST_DROP)) break;
    left = liveBytes;
  }
  forgetLastMatch();
}

/** Lets everything run that is queued. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
