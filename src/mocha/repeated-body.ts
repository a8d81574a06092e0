import type { LeakLimit } from '../limits/leak-limit';
import type { RunAgain } from './wrapped-body';

/**
 * Runs a body, which has run once, as often as its leak limit says.
 *
 * @param prepare called before each run with how many measured runs have ended, less than 0 before
 *   warm-up runs, and with what to call the run; what it resolves to is whether to go on
 */
export async function repeatBody(
  runAgain: RunAgain,
  { repeat, warmup }: Pick<LeakLimit, 'repeat' | 'warmup'>,
  prepare: (measured: number, name: string) => Promise<boolean>,
): Promise<void> {
  for (let measured = 1 - warmup; measured < repeat; measured++) {
    const name =
      measured < 0
        ? `in warm-up run ${measured + warmup + 1} of ${warmup}`
        : `in run ${measured + 1} of ${repeat}`;
    if (!(await prepare(measured, name))) return;
    await runAgain();
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
