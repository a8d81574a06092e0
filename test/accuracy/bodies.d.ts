/** What is to be measured. */
export interface Truth {
  bytes: number;
  /** The part of it by which a measurement may be off. */
  tolerance: number;
}

/** A test body whose memory is known. */
export interface Body {
  name: string;
  run(): unknown;
  peak?: Truth;
  /** What the peak may not be below, or above, when there is no more exact truth. */
  atLeastBytes?: number;
  atMostBytes?: number;
  /** By the comment on the line that leaks. */
  leaks?: Record<string, Truth>;
  /** That line's functions, or those it calls, allocate some of it: a limit looks at each call stack alone. */
  isOfSeveralStacks?: boolean;
  /** The part of it that V8's heap snapshots do not have. */
  bytesOutsideSnapshots?: number;
  /** The comment on the line that holds most of the peak. */
  line?: string;
  /** The least part that it holds; 0.9 unless told. */
  linePart?: number;
}

export const bodies: Body[];

/** The number of the line of bodies.js that ends in a comment. */
export function findLine(comment: string): number;

/** Lets go what a body kept, for the next one. */
export function release(): void;
