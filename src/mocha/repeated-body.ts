import { runsBeforeMark } from '../limits/growth';
import type { LeakLimit } from '../limits/leak-limit';

/** One run of a body that is repeated. */
export interface BodyRun {
  /** Among those that are measured; of warm-up runs 1. */
  number: number;
  /** What messages call it. */
  name: string;
  /**
   * What is due before it: what the warm-up runs did is not measured, what the first half of the
   * others left is marked, and no run may add its garbage to that of the one before.
   */
  before: 'restart' | 'mark' | 'collect' | undefined;
}

/** The runs of a body, which has run once, as its leak limit says. */
export function* listRuns({
  repeat,
  warmup,
}: Pick<LeakLimit, 'repeat' | 'warmup'>): Generator<BodyRun> {
  for (let run = 2; run <= warmup; run++) {
    yield { number: 1, name: `in warm-up run ${run} of ${warmup}`, before: undefined };
  }
  for (let number = warmup > 0 ? 1 : 2; number <= repeat; number++) {
    const isBehindMark = number === runsBeforeMark(repeat) + 1;
    const before = number === 1 ? 'restart' : isBehindMark ? 'mark' : 'collect';
    yield { number, name: `in run ${number} of ${repeat}`, before };
  }
}

/** Has the message of an error, the user's own, say in which run it came. */
export function nameRun(error: unknown, name: string): void {
  try {
    if (!(error instanceof Error) || error.message.endsWith(`(${name})`)) return;
    const { message, stack } = error;
    error.message = `${message} (${name})`;
    // Mocha looks for the message in the stack.
    if (message && stack) error.stack = stack.replace(message, () => error.message);
  } catch {
    // A frozen error keeps its message, and so does one whose message or stack is no text.
  }
}
