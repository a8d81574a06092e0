/** ES modules are known by URL, everything else by path: a `file:` URL becomes the path it names. */
import { addText } from './texts';

const SCHEME = 'file://';
const SLASH: u32 = 0x2f;
const PERCENT: u32 = 0x25;
const QUESTION_MARK: u32 = 0x3f;
const HASH: u32 = 0x23;

/** The text of a script's name or URL, as a path if it names a file. */
export function addFileText(name: usize, length: u32): u32 {
  if (!isFileUrl(name, length)) return addText(name, length);
  const end = name + length;
  let from = name + SCHEME.length;
  while (from < end && load<u8>(from) != SLASH) from++;
  const path = heap.alloc(length);
  let to = path;
  for (; from < end; to++) {
    const byte = load<u8>(from);
    if (byte == QUESTION_MARK || byte == HASH) break;
    const escaped = byte == PERCENT && from + 2 < end ? parseHexByte(from + 1) : -1;
    store<u8>(to, escaped < 0 ? byte : escaped);
    from += escaped < 0 ? 1 : 3;
  }
  return addText(path, <u32>(to - path));
}

function isFileUrl(name: usize, length: u32): bool {
  if (length < <u32>SCHEME.length) return false;
  for (let i = 0; i < SCHEME.length; i++) {
    if (load<u8>(name + i) != SCHEME.charCodeAt(i)) return false;
  }
  return true;
}

/** The value of two hexadecimal digits, -1 when they are not. */
function parseHexByte(digits: usize): i32 {
  const high = parseHexDigit(load<u8>(digits));
  const low = parseHexDigit(load<u8>(digits, 1));
  return high < 0 || low < 0 ? -1 : (high << 4) | low;
}

function parseHexDigit(digit: u32): i32 {
  if (digit - 0x30 < 10) return digit - 0x30;
  const letter = (digit | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : -1;
}
