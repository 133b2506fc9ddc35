/** The bytes of the instruction under decode, and how far they are read. */
export class CodeBytes {
  bytes: Uint8Array = new Uint8Array(0);
  /** Index of the next byte. */
  at = 0;
  /** Index after the last byte that may be read. */
  limit = 0;

  /** Whether `count` more bytes may be read. */
  has(count: number): boolean {
    return this.at + count <= this.limit;
  }

  /** The next byte; only after `has(1)`. */
  next(): number {
    return this.bytes[this.at++] as number;
  }

  /** The next 1, 2 or 4 bytes, sign-extended to int32; only after `has`. */
  signed(sizeBytes: number): number {
    const shift = 32 - 8 * sizeBytes;
    return (this.unsigned(sizeBytes) << shift) >> shift;
  }

  /** The next 1, 2 or 4 bytes, zero-extended to 32 bits (as int32); only after `has`. */
  unsigned(sizeBytes: number): number {
    const { bytes, at } = this;
    this.at = at + sizeBytes;
    let value = bytes[at] as number;
    if (sizeBytes > 1) value |= (bytes[at + 1] as number) << 8;
    if (sizeBytes > 2) {
      value |= ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    }
    return value;
  }
}
