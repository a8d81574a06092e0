import { crc32 } from 'node:zlib';

/** Allocators of docs/capture-format.md that tests use. */
export const MALLOC = 1;
export const CALLOC = 2;
export const REALLOC = 3;
export const MMAP = 16;
export const MREMAP = 17;
export const MPROTECT = 18;

export const JAVASCRIPT = 0;
export const WEBASSEMBLY = 1;
export const BUILTIN = 2;
export const STATE = 3;

/** Kinds of HEAP. */
export const RAW = 0;
export const CONFIRMED = 1;
export const UNCONFIRMED = 2;
export const HEAP_END = 3;
export const HEAP_MARK = 4;

export const NATIVE_FRAMES = 1;

const HEADER_BYTES = 32;
const BLOCK_HEADER_BYTES = 8;
const MAX_PAYLOAD_BYTES = 65_536;
const MAX_HOT_RECORD_BYTES = 32;
const ADDRESS_FOLLOWS = 8;
const ADDRESS_SLOTS = 8;
const ADDRESS_REGIONS = 8;
const EXPECTATIONS = 64;

export interface CaptureHeader {
  version?: number;
  flags?: number;
  pid?: number;
  startedAtMs?: number;
  mainThread?: number;
}

/**
 * Writes captures as docs/capture-format.md says, independently of native/. Addresses are
 * numbers, so at most 2^53 - 1; `raw` writes what no method can.
 */
export class CaptureWriter {
  private bytes = Buffer.alloc(1 << 16);
  private length = HEADER_BYTES;
  private blockStart = HEADER_BYTES;
  private readonly slots = new Float64Array(ADDRESS_SLOTS);
  private readonly regions = new Float64Array(ADDRESS_REGIONS);
  private readonly expectations = Array.from({ length: EXPECTATIONS }, () => ({
    size: 0,
    allocator: 0,
    stack: 0,
  }));
  private lastStack = 0;
  private lastSampledStack = 0;
  private readonly counts = { string: 0, script: 0, code: 0, frame: 0, stack: 0 };
  allocations = 0;
  deallocations = 0;

  /** @param blockBytes how long a block may get: a record never straddles two */
  constructor(
    header: CaptureHeader = {},
    private readonly blockBytes = MAX_PAYLOAD_BYTES,
  ) {
    this.bytes.write('MEMRAYJS', 0, 'latin1');
    this.bytes.writeUInt16LE(header.version ?? 3, 8);
    this.bytes.writeUInt16LE(header.flags ?? 0, 10);
    this.bytes.writeUInt32LE(header.pid ?? 4711, 12);
    this.bytes.writeBigUInt64LE(BigInt(header.startedAtMs ?? 1_700_000_000_000), 16);
    this.bytes.writeUInt32LE(header.mainThread ?? 1, 24);
    this.bytes.writeUInt32LE(crc32(this.bytes.subarray(0, 28)), 28);
    this.startBlock();
  }

  allocation(address: number, size: number, allocator = MALLOC, stack = 0): this {
    this.begin(MAX_HOT_RECORD_BYTES);
    const expected = this.expectations[this.lastStack % EXPECTATIONS]!;
    const flags =
      (stack === expected.stack ? 0x40 : 0) |
      (allocator === expected.allocator ? 0x20 : 0) |
      (size === expected.size ? 0x10 : 0);
    this.hotAddress(0x80 | flags, address);
    if (!(flags & 0x10)) this.varint(size);
    if (!(flags & 0x20)) this.byte(allocator);
    if (!(flags & 0x40)) this.zigZag(stack - expected.stack);
    Object.assign(expected, { size, allocator, stack });
    this.lastStack = stack;
    this.allocations++;
    return this;
  }

  deallocation(address: number): this {
    this.begin(MAX_HOT_RECORD_BYTES);
    this.hotAddress(0x40, address);
    this.deallocations++;
    return this;
  }

  thread(id: number): this {
    return this.record(0x02, id);
  }

  threadName(id: number, name: string): this {
    return this.record(0x03, id, name);
  }

  /** Defines a string and gives its number, as the following four do with theirs. */
  string(text: string): number {
    this.record(0x04, text);
    return ++this.counts.string;
  }

  script(name: string, flags = 0): number {
    this.record(0x05, this.string(name), [flags]);
    return ++this.counts.script;
  }

  code(name: string, script = 0, type = JAVASCRIPT, line = 0, column = 0): number {
    this.record(0x06, this.string(name), script, [type], line, column);
    return ++this.counts.code;
  }

  /** @param position an offset into the script; -1 when not known */
  jsFrame(code: number, position = -1): number {
    this.record(0x07, code, position + 1);
    return ++this.counts.frame;
  }

  nativeFrame(address: number): number {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(address));
    this.record(0x08, [...bytes]);
    return ++this.counts.frame;
  }

  stack(parent: number, frame: number): number {
    this.record(0x09, parent, frame);
    return ++this.counts.stack;
  }

  unmap(address: number, size: number): this {
    return this.record(0x0a, address, size);
  }

  position(script: number, position: number, line: number, column: number): this {
    return this.record(0x0b, script, position, line, column);
  }

  /** @param places line and column in the script, and in the file */
  original(script: number, file: string, ...places: [number, number, number, number]): this {
    const [line, column, ...original] = places;
    return this.record(0x10, script, line, column, this.string(file), ...original);
  }

  symbol(frame: number, functionName: string, module = '', file = '', line = 0): this {
    const strings = [functionName, module, file].map((text) => (text ? this.string(text) : 0));
    return this.record(0x0c, frame, ...strings, line);
  }

  metadata(key: string, value: string): this {
    return this.record(0x0d, key, value);
  }

  heap(kind: number, bytes: number): this {
    return this.record(0x0e, [kind], bytes);
  }

  /** What is live of a call stack's objects from here on. */
  samples(stack: number, bytes: number, objects: number): this {
    const difference = zigZag(stack - this.lastSampledStack);
    this.lastSampledStack = stack;
    return this.record(0x0f, difference, bytes, objects);
  }

  /** Writes END with the true counts, unless told otherwise. */
  end(
    durationMs = 0,
    { allocations, deallocations } = this as { allocations: number; deallocations: number },
  ): this {
    return this.record(0x01, allocations, deallocations, durationMs);
  }

  /** Writes a record's bytes as they are. */
  raw(...bytes: number[]): this {
    return this.record(bytes[0] ?? 0, bytes.slice(1));
  }

  /** Ends the block: what follows begins another. */
  flush(): this {
    const payload = this.bytes.subarray(this.blockStart + BLOCK_HEADER_BYTES, this.length);
    if (payload.length === 0) return this;
    this.bytes.writeUInt32LE(payload.length, this.blockStart);
    this.bytes.writeUInt32LE(crc32(payload), this.blockStart + 4);
    this.startBlock();
    return this;
  }

  /** The capture so far. */
  toBytes(): Buffer {
    this.flush();
    return this.bytes.subarray(0, this.blockStart);
  }

  private startBlock(): void {
    this.blockStart = this.length;
    this.reserve(BLOCK_HEADER_BYTES);
    this.length += BLOCK_HEADER_BYTES;
  }

  /** Numbers are varints, texts have their length in front, lists are bytes. */
  private record(tag: number, ...fields: (number | string | number[])[]): this {
    const texts = fields.map((field) => (typeof field === 'string' ? Buffer.from(field) : field));
    this.begin(
      texts.reduce<number>(
        (sum, field) => sum + (typeof field === 'number' ? 10 : field.length + 5),
        1,
      ),
    );
    this.byte(tag);
    for (const field of texts) {
      if (typeof field === 'number') this.varint(field);
      else if (Array.isArray(field)) for (const byte of field) this.byte(byte);
      else this.text(field);
    }
    return this;
  }

  private begin(maxRecordBytes: number): void {
    const payloadBytes = this.length - this.blockStart - BLOCK_HEADER_BYTES;
    if (payloadBytes + maxRecordBytes > this.blockBytes) this.flush();
    this.reserve(maxRecordBytes);
  }

  private reserve(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.bytes.length * 2, this.length + bytes));
    this.bytes.copy(grown);
    this.bytes = grown;
  }

  private hotAddress(tag: number, address: number): void {
    const slot = Math.floor(address / 2 ** 4) % ADDRESS_SLOTS;
    if (this.slots[slot] === address) {
      this.byte(tag | slot);
      return;
    }
    this.slots[slot] = address;
    const region = Math.floor(address / 2 ** 16) % ADDRESS_REGIONS;
    this.byte(tag | ADDRESS_FOLLOWS | region);
    this.zigZag(address / 8 - this.regions[region]! / 8);
    this.regions[region] = address;
  }

  private text(bytes: Buffer): void {
    this.varint(bytes.length);
    bytes.copy(this.bytes, this.length);
    this.length += bytes.length;
  }

  private zigZag(value: number): void {
    this.varint(zigZag(value));
  }

  private varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  private byte(byte: number): void {
    this.bytes[this.length++] = byte;
  }
}

function zigZag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2;
}
