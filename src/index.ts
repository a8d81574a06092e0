export { CaptureReader } from './capture/capture-reader';
export type {
  AllocationRecord,
  CaptureMetadata,
  CaptureSource,
  CaptureStatistics,
  Heap,
  ReadOptions,
} from './capture/capture-reader';
export type { CallStack, Frame, FrameKind } from './call-stack';
export { MemoryLimitError, MemrayMochaError, type ErrorCode } from './errors';
export type { LeaksFilterFunction, LimitLeaksOptions } from './limits/leak-limit';
export type {
  LeakedObjectsFilterFunction,
  LimitLeakedObjectsOptions,
} from './limits/leaked-objects-limit';
export type { LimitMemoryOptions } from './limits/memory-limit';
export { formatMemorySize, parseMemorySize } from './memory-size';
export { limitLeakedObjects, limitLeaks, limitMemory, type LimitMethods } from './mocha/context';
export type { MemrayOptions } from './mocha/options';
export type { LeakedObject } from './objects/leaked-objects';
export { Tracker, type StopOptions, type TrackerOptions } from './native/tracker';
export type { JsonResults } from './reporters/json-results';
export type { Stats } from './reporters/stats-report';
export type { TableRow } from './reporters/table-report';
export type { TreeNode } from './reporters/tree-report';
export type {
  AllocationResult,
  LeakResult,
  LocationResult,
  TestResult,
  Violation,
} from './test-result';
