/**
 * Takes V8's name of a piece of code apart. It is a tag, a colon, a mark of the tier, the
 * function's name, a space, and the script with line and column:
 *
 *     JS:~get size /app/my files/cart.js:12:8      Script:~ file:///app/main.mjs:1:1
 *     JS:+'#parse node:url:3:4                     JS:foo-0-liftoff      Eval:~ :1:1
 *
 * Names and paths may hold spaces, and V8 cuts the whole at 512 bytes; so when the script's own
 * name is known it is looked for, and only without it the shape of a path is.
 */
import { addFileText } from './file-url';
import { MAX_CODE_NAME_LENGTH } from './records';
import { addOwnText, addText, Text } from './texts';

const SPACE: u32 = 0x20;
const APOSTROPHE: u32 = 0x27;
const ASTERISK: u32 = 0x2a;
const PLUS: u32 = 0x2b;
const HYPHEN: u32 = 0x2d;
const SLASH: u32 = 0x2f;
const COLON: u32 = 0x3a;
const CARET: u32 = 0x5e;
const LETTER_O: u32 = 0x6f;
const TILDE: u32 = 0x7e;

const ANONYMOUS = addOwnText('<anonymous>');
const TOP_LEVEL = addOwnText('<module>');
const EVALUATED = addOwnText('<eval>');

/** What the last name parsed says: numbers of texts; line and column are 0 if it does not say. */
export let functionText: u32 = 0;
export let fileText: u32 = 0;
export let line: u32 = 0;
export let column: u32 = 0;

let start: usize = 0;
let end: usize = 0;
/** Where the name's `:line:column` begins; `end` when it has none. */
let location: usize = 0;

/** The name of JavaScript code. `script` is the script's whole name, empty when not known. */
export function parseCodeName(name: Text, script: Text): void {
  openName(name);
  skipTierMark();
  parseLocation();
  const isCut = name.length == MAX_CODE_NAME_LENGTH;
  let space = script.length > 0 ? findScript(script, isCut) : end;
  if (space == end && (location < end || isCut)) space = findPath();
  fileText =
    script.length > 0
      ? addFileText(script.bytes, script.length)
      : addFileText(space + 1, space < location ? <u32>(location - space - 1) : 0);
  functionText = addText(start, <u32>(space - start));
  if (functionText == 0) functionText = nameUnnamed();
}

/** The name of WebAssembly code: the function's name, its index and the tier, with hyphens. */
export function parseWebAssemblyName(name: Text, script: Text): void {
  openName(name);
  let suffix = end;
  for (let hyphens = 0; hyphens < 2 && suffix > start;) {
    suffix--;
    if (load<u8>(suffix) == HYPHEN) hyphens++;
  }
  functionText = addText(start, <u32>((suffix > start ? suffix : end) - start));
  if (functionText == 0) functionText = ANONYMOUS;
  fileText = addFileText(script.bytes, script.length);
}

/** Starts behind the tag. */
function openName(name: Text): void {
  start = name.bytes;
  end = start + name.length;
  line = 0;
  column = 0;
  const colon = skipLetters(start);
  if (colon < end && load<u8>(colon) == COLON) start = colon + 1;
}

/** `~` `^` `+` `*`, the latter two with an `o` in front or an apostrophe behind on newer V8. */
function skipTierMark(): void {
  let mark = start;
  if (at(mark) == LETTER_O && isOptimizedMark(at(mark + 1))) mark++;
  if (isOptimizedMark(at(mark))) start = mark + (at(mark + 1) == APOSTROPHE ? 2 : 1);
  else if (at(start) == TILDE || at(start) == CARET) start++;
}

function isOptimizedMark(byte: u32): bool {
  return byte == PLUS || byte == ASTERISK;
}

function parseLocation(): void {
  const columnColon = findNumberColon(end);
  const lineColon = findNumberColon(columnColon);
  location = columnColon < end && lineColon < columnColon ? lineColon : end;
  if (location == end) return;
  line = parseNumber(lineColon + 1, columnColon);
  column = parseNumber(columnColon + 1, end);
}

/** The colon before the digits that end at `from`; `from` when that is not what is there. */
function findNumberColon(from: usize): usize {
  let digits = from;
  while (digits > start && isDigit(load<u8>(digits - 1))) digits--;
  return digits < from && digits > start && load<u8>(digits - 1) == COLON ? digits - 1 : from;
}

function parseNumber(from: usize, to: usize): u32 {
  let number: u32 = 0;
  for (; from < to; from++) number = number * 10 + (load<u8>(from) - 0x30);
  return number;
}

/** The space before the script, of which a name that was cut may have only the beginning. */
function findScript(script: Text, isCut: bool): usize {
  for (let space = start; space < end; space++) {
    if (load<u8>(space) != SPACE) continue;
    const left = <u32>(location - space - 1);
    const whole = left == script.length;
    if (!whole && !(isCut && left < script.length)) continue;
    if (memory.compare(space + 1, script.bytes, left) == 0) return space;
  }
  return end;
}

/** The space before what looks like a path or an URL, or is nothing; without one the last. */
function findPath(): usize {
  let last = end;
  for (let space = start; space < end; space++) {
    if (load<u8>(space) != SPACE) continue;
    const colon = skipLetters(space + 1);
    if (at(space + 1) == SLASH || at(colon) == COLON) return space;
    last = space;
  }
  return last;
}

/** Code without a name: a file's or an eval's own, which begins where it does, or a function. */
function nameUnnamed(): u32 {
  if (line != 1 || column != 1) return ANONYMOUS;
  return fileText == 0 ? EVALUATED : TOP_LEVEL;
}

function skipLetters(from: usize): usize {
  while (from < end && isLetter(load<u8>(from))) from++;
  return from;
}

function isDigit(byte: u32): bool {
  return byte - 0x30 < 10;
}

function isLetter(byte: u32): bool {
  return (byte | 0x20) - 0x61 < 26;
}

/** The byte there, 0 at the end. */
function at(address: usize): u32 {
  return address < end ? load<u8>(address) : 0;
}
