import { floor, max, round } from '../builtins';
import type { AllocationRecord } from '../capture/capture-reader';

/** How what the runs of a body left became more, by the half of them behind the mark. */
export interface Growth {
  /** 0 where it became less. */
  bytesPerRun: number;
  /** False for what is made once: a cache that one of the first runs filled. */
  grows: boolean;
}

/** Of what growth in every run would leave: less is for samples, and for caches filled late. */
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
