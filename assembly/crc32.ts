/**
 * CRC-32 (ISO-HDLC, as zlib's), eight bytes a step. Table k holds what a byte does to the
 * checksum when k more bytes follow it, so eight look-ups, which do not wait for each other,
 * replace eight steps that do.
 */
const POLYNOMIAL: u32 = 0xedb88320;
const TABLE_BYTES: usize = 256 * sizeof<u32>();
const STEP: u32 = 8;

// Not on the heap: a reset leaves them as they are. No constants may stand here.
const tables: usize = memory.data(8 * 256 * sizeof<u32>());
if (lookUp(1, 0) == 0) fillTables();

function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    store<u32>(entry(byte, 0), crc);
  }
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = lookUp(byte, 0);
    for (let table: u32 = 1; table < STEP; table++) {
      crc = (crc >> 8) ^ lookUp(crc & 0xff, 0);
      store<u32>(entry(byte, table), crc);
    }
  }
}

function lookUp(byte: u32, table: u32): u32 {
  return load<u32>(entry(byte, table));
}

function entry(byte: u32, table: u32): usize {
  return tables + <usize>table * TABLE_BYTES + <usize>byte * sizeof<u32>();
}

export function crc32(bytes: usize, length: u32): u32 {
  let crc: u32 = 0xffffffff;
  const end = bytes + length;
  for (; bytes + STEP <= end; bytes += STEP) {
    const low = load<u32>(bytes) ^ crc;
    const high = load<u32>(bytes, 4);
    crc =
      lookUp(low & 0xff, 7) ^
      lookUp((low >> 8) & 0xff, 6) ^
      lookUp((low >> 16) & 0xff, 5) ^
      lookUp(low >> 24, 4) ^
      lookUp(high & 0xff, 3) ^
      lookUp((high >> 8) & 0xff, 2) ^
      lookUp((high >> 16) & 0xff, 1) ^
      lookUp(high >> 24, 0);
  }
  for (; bytes < end; bytes++) crc = (crc >> 8) ^ lookUp((crc ^ load<u8>(bytes)) & 0xff, 0);
  return ~crc;
}
