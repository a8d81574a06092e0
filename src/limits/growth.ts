import { floor, max, round } from '../builtins';
import type { AllocationRecord } from '../capture/capture-reader';

/** How what the runs of a body leave grows, by those behind the mark, which are the second half. */
export interface Growth {
  /** Of the runs behind the mark; 0 where what is left became less. */
  bytesPerRun: number;
  /** False for what is made once: a cache that one of the first runs filled. */
  grows: boolean;
}

/** The least share, of what a leak in every run would come to, that is growth: below are errors of samples, and late caches. */
const LEAST_GROWTH = 0.1;

/** After how many runs what they left is marked. */
export function runsBeforeMark(repeat: number): number {
  return floor(repeat / 2);
}

/** Compares what is left with what was left at the mark. */
export function measureGrowth(
  { bytes, bytesAtMark }: Pick<AllocationRecord, 'bytes' | 'bytesAtMark'>,
  repeat: number,
): Growth {
  const grown = max(0, bytes - bytesAtMark) / (repeat - runsBeforeMark(repeat));
  return { bytesPerRun: round(grown), grows: grown * repeat >= bytes * LEAST_GROWTH };
}
