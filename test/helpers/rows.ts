import type { CallStack, Frame } from '../../dist/call-stack';
import type { AllocationRecord } from '../../dist/capture/capture-reader';

/** A frame from `name:file:line`, or `native name:file:line`. */
export function frame(text: string): Frame {
  const [, native, functionName, filename, line] =
    /^(native )?((?:[^:]|::)+):(.*):(\d+)$/.exec(text) ?? [];
  return {
    functionName: functionName ?? '',
    filename: filename ?? '',
    lineNumber: Number(line),
    columnNumber: 7,
    kind: native ? 'native' : 'js',
  };
}

/** A call stack, most recent call first. */
export function callStack(...frames: string[]): CallStack {
  return { frames: frames.map(frame) };
}

/** A row of native memory, allocated in one go. */
export function row(
  bytes: number,
  frames: string[],
  more: Partial<AllocationRecord> = {},
): AllocationRecord {
  const stack = callStack(...frames);
  return {
    bytes,
    count: 1,
    bytesAtMark: 0,
    heap: 'native',
    threadId: 0,
    stack,
    innermost: stack.frames[0],
    nativeCaller: 'node',
    ...more,
  };
}
