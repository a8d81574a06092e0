/** Where a frame's code comes from: JavaScript, machine code, or WebAssembly. */
export type FrameKind = 'js' | 'native' | 'wasm';

/** One call of a call stack. */
export interface Frame {
  /** `<anonymous>`, `<module>` (a file's top level), `<eval>` or `<unknown>` when it has no name. */
  functionName: string;
  /** A path, a `node:` name or a URL; of native code the source file or else the module; `''` if unknown. */
  filename: string;
  /** From 1; 0 if unknown. */
  lineNumber: number;
  /** From 1; 0 if unknown. */
  columnNumber: number;
  kind: FrameKind;
}

/** The calls that were active at one moment. */
export interface CallStack {
  /** The most recent call first. */
  frames: Frame[];
}

/** One line of one function. */
export type Place = Pick<Frame, 'functionName' | 'filename' | 'lineNumber'>;

/** A text that no other place has. */
export function keyOfPlace({ functionName, filename, lineNumber }: Place): string {
  return `${functionName}\0${filename}\0${lineNumber}`;
}
