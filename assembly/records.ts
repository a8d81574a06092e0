/** The constants of docs/capture-format.md. The writer has its own in native/capture/records.h. */

/** The header: the layout drawn in the format's page. */
@unmanaged
export class Header {
  magic: u64;
  version: u16;
  flags: u16;
  pid: u32;
  startedAtMs: u64;
  mainThread: u32;
  crc32: u32;
}

/** The only thread id that the header may have: of who started the tracker. */
export const MAIN_THREAD: u32 = 1;
/** The bytes `M E M R A Y J S`, as one little-endian integer. */
export const MAGIC: u64 = 0x534a5941_524d454d;
export const FORMAT_VERSION: u32 = 3;
export const NATIVE_FRAMES_FLAG: u32 = 1;
export const TRACE_JS_FLAG: u32 = 2;

/** What stands before each payload. */
@unmanaged
export class BlockHeader {
  payloadLength: u32;
  crc32: u32;
}

export const MAX_PAYLOAD_LENGTH: u32 = 65536;

/** Tags at and above this one are allocations; their low bits say what follows. */
export const ALLOCATION: u32 = 0x80;
export const EXPECTED_CALL_STACK: u32 = 0x40;
export const EXPECTED_ALLOCATOR: u32 = 0x20;
export const EXPECTED_SIZE: u32 = 0x10;

/** Tags from this one to DEALLOCATION_END - 1 are deallocations. */
export const DEALLOCATION: u32 = 0x40;
const DEALLOCATION_END: u32 = 0x50;

/** The low bits of a hot record's tag: a slot of the address cache, or a region and this bit. */
export const ADDRESS_FOLLOWS: u32 = 0x08;
export const ADDRESS_SLOTS: u32 = 8;
export const ADDRESS_REGIONS: u32 = 8;
export const EXPECTATIONS: u32 = 64;

export const END: u32 = 0x01;
export const THREAD: u32 = 0x02;
export const THREAD_NAME: u32 = 0x03;
export const STRING: u32 = 0x04;
export const SCRIPT: u32 = 0x05;
export const CODE: u32 = 0x06;
export const JS_FRAME: u32 = 0x07;
export const NATIVE_FRAME: u32 = 0x08;
export const STACK: u32 = 0x09;
export const UNMAP: u32 = 0x0a;
export const POSITION: u32 = 0x0b;
export const SYMBOL: u32 = 0x0c;
export const METADATA: u32 = 0x0d;
export const HEAP: u32 = 0x0e;
export const SAMPLES: u32 = 0x0f;
export const ORIGINAL: u32 = 0x10;

export const HEAP_RAW: u32 = 0;
export const HEAP_CONFIRMED: u32 = 1;
export const HEAP_UNCONFIRMED: u32 = 2;
export const HEAP_END: u32 = 3;
export const HEAP_MARK: u32 = 4;

export const JAVASCRIPT_CODE: u32 = 0;
export const WEBASSEMBLY_CODE: u32 = 1;
export const BUILTIN_CODE: u32 = 2;
export const STATE_CODE: u32 = 3;

/** The writer cuts all text here. */
export const MAX_TEXT_LENGTH: u32 = 4096;
/** V8 cuts the name of a code object here. */
export const MAX_CODE_NAME_LENGTH: u32 = 512;

/** The largest size a JavaScript number holds exactly; nothing that large can be allocated. */
export const MAX_SIZE: u64 = 0x1fffffffffffff;

/** Allocators: 1 to 10 give blocks, 16 to 18 mappings. */
export const NO_ALLOCATOR: u32 = 0;
const FIRST_BLOCK_ALLOCATOR: u32 = 1;
const LAST_BLOCK_ALLOCATOR: u32 = 10;
const FIRST_MAPPING_ALLOCATOR: u32 = 16;
const LAST_MAPPING_ALLOCATOR: u32 = 18;
export const ALLOCATORS: u32 = LAST_MAPPING_ALLOCATOR + 1;

/** Whether a tag is an ALLOCATION's or a DEALLOCATION's. */
export function isHotTag(tag: u32): bool {
  return tag >= ALLOCATION || tag - DEALLOCATION < DEALLOCATION_END - DEALLOCATION;
}

export function isMappingAllocator(allocator: u32): bool {
  return allocator - FIRST_MAPPING_ALLOCATOR <= LAST_MAPPING_ALLOCATOR - FIRST_MAPPING_ALLOCATOR;
}

export function isDefinedAllocator(allocator: u32): bool {
  return (
    allocator - FIRST_BLOCK_ALLOCATOR <= LAST_BLOCK_ALLOCATOR - FIRST_BLOCK_ALLOCATOR ||
    isMappingAllocator(allocator)
  );
}
