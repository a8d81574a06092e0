/**
 * Call stacks. The capture's ("recorded") are told apart by where exactly in the machine code
 * each call was made; the result's by what a reader can tell apart: function, file and line.
 * Both are trees: a call stack is its most recent frame and the call stack of its caller.
 *
 * Two calls on one line are one to a reader, but each shows its own column. So the result's call
 * stacks are told apart by columns too, and each knows its line stack, which rows are summed by.
 *
 * A recorded call stack has two among the result's: all its frames, and its JS frames only.
 * V8's own helpers (builtins) are in neither.
 */
import { fail, readAddress, readDefinedNumber, readVarintUpTo } from './byte-cursor';
import { CallTree } from './call-tree';
import { findOriginal, findPosition, getCode, readCodeNumber, resolveCode } from './code-map';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import { noteNativeFrames } from './metadata';
import { PairIndex } from './pair-index';
import { BUILTIN_CODE, STATE_CODE, WEBASSEMBLY_CODE } from './records';
import { addModuleName, addSymbolFile, getSymbol, readSymbol } from './symbols';
import { Table } from './table';
import { addOwnText, addStringText } from './texts';

export const JS_KIND: u32 = 0;
export const NATIVE_KIND: u32 = 1;
export const WASM_KIND: u32 = 2;

@unmanaged
class RecordedFrame {
  /** The code object; 0 for a native frame. */
  code: u32;
  /** The position in the script plus 1; 0 when not known. */
  position: u32;
  symbol: u32;
  /** The result's frame; 0 for a builtin. */
  frame: u32;
}

@unmanaged
export class RecordedCallStack {
  parent: u32;
  frame: u32;
  /** The latest of its allocation sites, which allocation-sites.ts keeps here. */
  latestSite: u32;
  /** The result's call stacks: of all frames, or UNRESOLVED; and of the JS frames. */
  all: u32;
  js: u32;
}

/** A frame of the result. Texts are numbers. */
@unmanaged
export class Frame {
  functionText: u32;
  fileText: u32;
  line: u32;
  column: u32;
  kind: u32;
}

const UNRESOLVED: u32 = u32.MAX_VALUE;

const recordedFrames = new Table(offsetof<RecordedFrame>());
const recordedCallStacks = new Table(offsetof<RecordedCallStack>());
/** Numbers, a u32 each, of recorded call stacks that are about to be resolved. */
const unresolved = new Table(sizeof<u32>());

const UNKNOWN = addOwnText('<unknown>');
const functions = new PairIndex();
/** (function and file, line) */
const lines = new PairIndex();
/** (line, column) -> number of the record of `frames`. */
const frameNumbers = new PairIndex();
export const frames = new Table(offsetof<Frame>());
/** The result's call stacks. */
export const callStacks = new CallTree();
/** The same of lines, where those have frames. */
const lineStacks = new CallTree();
/** Of each of the result's call stacks, a u32. */
const lineStackNumbers = new Table(sizeof<u32>());
/** What is shown for a call stack without frames. */
let emptyCallStack: u32 = 0;

/** JS_FRAME: defines the next frame. */
export function defineJsFrame(): void {
  const frame = getFrame(recordedFrames.add());
  frame.code = readCodeNumber();
  frame.position = readVarintUpTo(u32.MAX_VALUE);
}

/** NATIVE_FRAME: defines the next frame. Its address tells nothing that its SYMBOL does not. */
export function defineNativeFrame(): void {
  recordedFrames.add();
  readAddress();
}

/** SYMBOL: what a native frame is. */
export function defineSymbol(): void {
  const frame = getFrame(readDefinedNumber(recordedFrames.last));
  if (frame.code != 0) fail(VALUE_OUT_OF_RANGE, frame.code);
  frame.symbol = readSymbol();
}

/** STACK: defines the next call stack. */
export function defineCallStack(): void {
  const parent = readVarintUpTo(recordedCallStacks.last);
  const callStack = getRecordedCallStack(recordedCallStacks.add());
  callStack.parent = parent;
  callStack.frame = readDefinedNumber(recordedFrames.last);
  callStack.all = UNRESOLVED;
  if (isNative(callStack) && parent != 0 && isNative(getRecordedCallStack(parent)))
    noteNativeFrames();
}

export function lastCallStack(): u32 {
  return recordedCallStacks.last;
}

export function getRecordedCallStack(number: u32): RecordedCallStack {
  return changetype<RecordedCallStack>(recordedCallStacks.at(number));
}

/** Once everything is read: makes the result's frames, which its call stacks need. */
export function resolveFrames(): void {
  for (let i: u32 = 1; i <= recordedFrames.last; i++) resolveFrame(getFrame(i));
  emptyCallStack = addCallStack(0, addFrame(UNKNOWN, 0, 0, 0, NATIVE_KIND));
}

/**
 * One of the result's call stacks; JS frames only, if there are any and natives are not wanted.
 * It is made when it is asked for first: of millions that were recorded few may be left to show.
 */
export function getCallStack(number: u32, withNativeFrames: bool): u32 {
  const recorded = getRecordedCallStack(number);
  if (recorded.all == UNRESOLVED) resolveCallStack(number);
  if (recorded.js != 0 && !withNativeFrames) return recorded.js;
  return recorded.all == 0 ? emptyCallStack : recorded.all;
}

/** With those of its callers, which have lower numbers. */
function resolveCallStack(number: u32): void {
  unresolved.last = 0;
  let callStack = getRecordedCallStack(number);
  for (; callStack.all == UNRESOLVED; callStack = getRecordedCallStack(number)) {
    store<u32>(unresolved.at(unresolved.add()), number);
    number = callStack.parent;
  }
  for (let i = unresolved.last; i > 0; i--) {
    const parent = callStack;
    callStack = getRecordedCallStack(load<u32>(unresolved.at(i)));
    const frame = getFrame(callStack.frame);
    const isJs = frame.frame != 0 && frame.code != 0;
    callStack.all = frame.frame == 0 ? parent.all : addCallStack(parent.all, frame.frame);
    // Of JavaScript alone both are the same.
    if (!isJs) callStack.js = parent.js;
    else if (parent.js == parent.all) callStack.js = callStack.all;
    else callStack.js = addCallStack(parent.js, frame.frame);
  }
}

/** What a reader takes for the same as others of the result's call stacks. */
export function getLineStack(callStack: u32): u32 {
  return load<u32>(lineStackNumbers.at(callStack));
}

/** The name of the module that called the allocator, 0 if that is not known. */
export function addNativeCaller(callStack: RecordedCallStack): u32 {
  return addModuleName(getSymbol(getFrame(callStack.frame).symbol));
}

function isNative(callStack: RecordedCallStack): bool {
  return getFrame(callStack.frame).code == 0;
}

function getFrame(number: u32): RecordedFrame {
  return changetype<RecordedFrame>(recordedFrames.at(number));
}

function resolveFrame(recorded: RecordedFrame): void {
  recorded.frame = recorded.code == 0 ? addNativeFrame(recorded) : addJsFrame(recorded);
}

function addNativeFrame(recorded: RecordedFrame): u32 {
  const symbol = getSymbol(recorded.symbol);
  const functionText = symbol.functionName != 0 ? addStringText(symbol.functionName) : UNKNOWN;
  return addFrame(functionText, addSymbolFile(symbol), symbol.line, 0, NATIVE_KIND);
}

/** Without the position's line, the line where the function begins is the nearest. */
function addJsFrame(recorded: RecordedFrame): u32 {
  const code = getCode(recorded.code);
  if (code.type == BUILTIN_CODE) return 0;
  resolveCode(code);
  let line = code.line;
  let column = code.column;
  if (recorded.position != 0) {
    const position = findPosition(code.script, recorded.position - 1);
    if (position.line != 0) {
      line = position.line;
      column = position.column;
    }
  }
  const kind = getKind(code.type);
  const original = findOriginal(code.script, line, column);
  if (original.line == 0) return addFrame(code.functionText, code.fileText, line, column, kind);
  return addFrame(code.functionText, original.fileText, original.line, original.column, kind);
}

function getKind(codeType: u32): u32 {
  if (codeType == WEBASSEMBLY_CODE) return WASM_KIND;
  return codeType == STATE_CODE ? NATIVE_KIND : JS_KIND;
}

function addCallStack(caller: u32, frame: u32): u32 {
  const number = callStacks.add(caller, frame);
  if (number <= lineStackNumbers.last) return number;
  const lineStack = lineStacks.add(getLineStack(caller), frameNumbers.first(frame));
  store<u32>(lineStackNumbers.at(lineStackNumbers.add()), lineStack);
  return number;
}

/** Frames differ in function, file, line or column; the first one's kind stays. */
function addFrame(functionText: u32, fileText: u32, line: u32, column: u32, kind: u32): u32 {
  const lineNumber = lines.add(functions.add(functionText, fileText), line);
  const number = frameNumbers.add(lineNumber, column);
  if (number <= frames.last) return number;
  const frame = changetype<Frame>(frames.at(frames.add()));
  frame.functionText = functionText;
  frame.fileText = fileText;
  frame.line = line;
  frame.column = column;
  frame.kind = kind;
  return number;
}
