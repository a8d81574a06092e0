/** What the addresses of native frames are: function, module, source file and line. */
import { readVarintUpTo } from './byte-cursor';
import { Table } from './table';
import { addStringText, addText, getString, readStringNumber } from './texts';

const SLASH: u32 = 0x2f;

@unmanaged
export class Symbol {
  /** Strings, 0 when not known. */
  functionName: u32;
  module: u32;
  file: u32;
  line: u32;
}

const symbols = new Table(offsetof<Symbol>());

/** Reads what a SYMBOL record says of its frame, and gives the symbol's number. */
export function readSymbol(): u32 {
  const number = symbols.add();
  const symbol = getSymbol(number);
  symbol.functionName = readStringNumber();
  symbol.module = readStringNumber();
  symbol.file = readStringNumber();
  symbol.line = readVarintUpTo(u32.MAX_VALUE);
  return number;
}

/** Symbol 0 knows nothing. */
export function getSymbol(number: u32): Symbol {
  return changetype<Symbol>(symbols.at(number));
}

/** The source file, or at least the module. */
export function addSymbolFile(symbol: Symbol): u32 {
  return addStringText(symbol.file != 0 ? symbol.file : symbol.module);
}

/** The module's file name, without its folders. */
export function addModuleName(symbol: Symbol): u32 {
  const path = getString(symbol.module);
  let start = path.bytes + path.length;
  while (start > path.bytes && load<u8>(start - 1) != SLASH) start--;
  return addText(start, <u32>(path.bytes + path.length - start));
}
