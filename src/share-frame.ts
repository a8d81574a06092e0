import type { Frame } from './call-stack';

/** Of all results: the tests of a run go through the same code. */
const frames = new Map<string, Frame>();

/** Gives the first frame that was equal to this one, so that what results keep is kept once. */
export function shareFrame(frame: Frame): Frame {
  const { functionName, filename, lineNumber, columnNumber, kind } = frame;
  const key = [functionName, filename, lineNumber, columnNumber, kind].join('\0');
  const shared = frames.get(key) ?? frame;
  frames.set(key, shared);
  return shared;
}
