/** A growing byte buffer with WebAssembly's variable-length numbers. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Unsigned LEB128 of 0 .. 2^32-1. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed LEB128 of an int32. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Signed LEB128 of the 64-bit word whose halves are `hi` and `lo`. */
  signedPair(hi: number, lo: number): void {
    let high = hi | 0;
    let low = lo | 0;
    for (;;) {
      const part = low & 0x7f;
      low = (low >>> 7) | (high << 25);
      high >>= 7;
      const signBit = part & 0x40;
      if ((high === 0 && low === 0 && !signBit) || (high === -1 && low === -1 && signBit)) {
        this.byte(part);
        return;
      }
      this.byte(part | 0x80);
    }
  }

  /** A name or other byte string with its length before it. */
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.unsigned(bytes.length);
    this.append(bytes);
  }

  /** The bytes written so far; a view that the next write may outdate. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(more: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    bytes.set(this.view());
    this.#bytes = bytes;
  }
}
