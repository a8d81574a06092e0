/** What can be wrong with a capture. src/capture/parser-module.ts gives each its text. */

export const OK: u32 = 0;
/** Shorter than a header, or another magic. */
export const NOT_A_CAPTURE: u32 = 1;
/** The detail is the version found. */
export const UNSUPPORTED_VERSION: u32 = 2;
/** The detail is the checksum found. */
export const CHECKSUM_MISMATCH: u32 = 3;
/** A length of zero or above the limit; the detail is the length. */
export const BAD_BLOCK_LENGTH: u32 = 4;
/** The detail is the tag. */
export const UNDEFINED_TAG: u32 = 5;
/** More than 64 bits. */
export const VARINT_TOO_LONG: u32 = 6;
/** An index, or another number, that the format does not allow here; the detail is the number. */
export const VALUE_OUT_OF_RANGE: u32 = 7;
/** A record that ends behind its block. */
export const RECORD_TOO_LONG: u32 = 8;
/** Anything after END. */
export const DATA_AFTER_END: u32 = 9;
/** END counted other records than were read; the detail is its number. */
export const COUNT_MISMATCH: u32 = 10;
