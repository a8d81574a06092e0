/** Scripts and code objects: from a code object and a position to function, file and line. */
import { fail, readByte, readDefinedNumber, readVarintUpTo } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import * as codeName from './code-name';
import { addFileText } from './file-url';
import { PairIndex } from './pair-index';
import { BUILTIN_CODE, STATE_CODE, WEBASSEMBLY_CODE } from './records';
import { Table } from './table';
import { addStringText, getString, readStringNumber } from './texts';

@unmanaged
class Script {
  name: u32;
}

@unmanaged
export class Code {
  name: u32;
  script: u32;
  type: u32;
  /** Where the function begins. */
  line: u32;
  column: u32;
  /** What the name says; 0 until `resolveCode`. */
  functionText: u32;
  fileText: u32;
}

@unmanaged
export class Position {
  line: u32;
  column: u32;
}

/** A place in what a source map says a script was made of. */
@unmanaged
export class Original {
  fileText: u32;
  line: u32;
  column: u32;
}

const scripts = new Table(offsetof<Script>());
const codes = new Table(offsetof<Code>());
/** (script, position) -> what record of `positions`. */
const positionNumbers = new PairIndex();
const positions = new Table(offsetof<Position>());
const scriptLines = new PairIndex();
/** (script and line, column) -> what record of `originals`. */
const originalNumbers = new PairIndex();
const originals = new Table(offsetof<Original>());

/** SCRIPT: defines the next script. */
export function defineScript(): void {
  changetype<Script>(scripts.at(scripts.add())).name = readStringNumber();
  readByte();
}

/** CODE: defines the next code object. */
export function defineCode(): void {
  const code = getCode(codes.add());
  code.name = readStringNumber();
  code.script = readVarintUpTo(scripts.last);
  code.type = readByte();
  if (code.type > STATE_CODE) fail(VALUE_OUT_OF_RANGE, code.type);
  code.line = readVarintUpTo(u32.MAX_VALUE);
  code.column = readVarintUpTo(u32.MAX_VALUE);
}

/** POSITION: what a position of a script is. The first word on a position counts. */
export function definePosition(): void {
  const script = readVarintUpTo(scripts.last);
  const offset = readVarintUpTo(u32.MAX_VALUE);
  const line = readVarintUpTo(u32.MAX_VALUE);
  const column = readVarintUpTo(u32.MAX_VALUE);
  if (positionNumbers.add(script, offset) <= positions.last) return;
  const position = changetype<Position>(positions.at(positions.add()));
  position.line = line;
  position.column = column;
}

/** ORIGINAL: what a place in a script was made of. The first word on a place counts. */
export function defineOriginal(): void {
  const script = readVarintUpTo(scripts.last);
  const scriptLine = scriptLines.add(script, readVarintUpTo(u32.MAX_VALUE));
  const column = readVarintUpTo(u32.MAX_VALUE);
  const file = getString(readStringNumber());
  const line = readVarintUpTo(u32.MAX_VALUE);
  const originalColumn = readVarintUpTo(u32.MAX_VALUE);
  if (originalNumbers.add(scriptLine, column) <= originals.last) return;
  const original = changetype<Original>(originals.at(originals.add()));
  original.fileText = addFileText(file.bytes, file.length);
  original.line = line;
  original.column = originalColumn;
}

export function readCodeNumber(): u32 {
  return readDefinedNumber(codes.last);
}

export function getCode(number: u32): Code {
  return changetype<Code>(codes.at(number));
}

/** The line and column of a position of a script, both 0 when the capture does not say. */
export function findPosition(script: u32, offset: u32): Position {
  return changetype<Position>(positions.at(positionNumbers.find(script, offset)));
}

/** What a place in a script was made of; its line is 0 when the capture does not say. */
export function findOriginal(script: u32, line: u32, column: u32): Original {
  const scriptLine = scriptLines.find(script, line);
  return changetype<Original>(originals.at(originalNumbers.find(scriptLine, column)));
}

/** Fills in function and file. */
export function resolveCode(code: Code): void {
  if (code.functionText != 0 || code.type == BUILTIN_CODE) return;
  const name = getString(code.name);
  const script = getString(changetype<Script>(scripts.at(code.script)).name);
  if (code.type == STATE_CODE) {
    code.functionText = addStringText(code.name);
    return;
  }
  if (code.type == WEBASSEMBLY_CODE) codeName.parseWebAssemblyName(name, script);
  else codeName.parseCodeName(name, script);
  code.functionText = codeName.functionText;
  code.fileText = codeName.fileText;
  if (code.line == 0) {
    code.line = codeName.line;
    code.column = codeName.column;
  }
}
