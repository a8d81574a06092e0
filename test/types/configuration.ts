// `memray` in a configuration.
import type { MemrayOptions } from 'memray-mocha';
import type { MochaOptions } from 'mocha';

export const every: Required<MemrayOptions> = {
  memray: 'limits',
  limitMemory: '64 MB',
  limitLeaks: false,
  mostAllocations: 0,
  hideSummary: true,
  binPath: 'captures',
  binPrefix: 'nightly',
  stacks: 5,
  native: true,
  jsHeap: true,
  traceJs: true,
  failOnIncrease: true,
  baseline: 'peaks.json',
  updateBaseline: true,
  verbosity: -1,
  json: 'results.json',
};
export const options: MochaOptions = { require: ['memray-mocha/register'], memray: every };
export const modes: MochaOptions[] = [{ memray: 'limits' }, { memray: false }, {}];
// @ts-expect-error there is no such mode
export const mode: MochaOptions = { memray: 'some' };
// @ts-expect-error there is no such option
export const misspelled: MemrayOptions = { mostAlocations: 5 };
// @ts-expect-error a size is a text or bytes
export const malformed: MemrayOptions = { limitMemory: true };
// @ts-expect-error no path is no option
export const absent: MemrayOptions = { binPath: null };
