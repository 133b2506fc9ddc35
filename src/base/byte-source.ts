/** Random access to bytes, wherever they lie: a file that is too large to hold, or an array. */

export interface ByteSource {
  /** For messages: a file's path, as its user wrote it. */
  readonly name: string;
  readonly sizeBytes: number;
  /**
   * Fills `into` with the bytes from `offset` on. Valid for offset + into.length <= sizeBytes.
   * @throws FormatError if the bytes cannot be read
   */
  read(offset: number, into: Uint8Array): void;
}

/**
 * A file is not what it should be: truncated, corrupted, or of another kind. The message is one
 * line that names the offset, what was expected there, and what came.
 */
export class FormatError extends Error {
  override readonly name: string = "FormatError";
}

/** Throws a `FormatError` of the form `core: offset 0x36: e_phentsize: expected 56, got 57`. */
export function badFormat(
  source: ByteSource,
  offset: number,
  what: string,
  expected: string,
  got: string | number | bigint,
): never {
  const came = typeof got === "string" ? got : shown(got);
  throw new FormatError(
    `${source.name}: offset 0x${offset.toString(16)}: ${what}: expected ${expected}, got ${came}`,
  );
}

/** Small numbers in decimal, large ones in hexadecimal. */
function shown(value: number | bigint): string {
  return value < 4096 ? String(value) : `0x${value.toString(16)}`;
}

/** The bytes of an array as a source. */
export function bytesSource(bytes: Uint8Array, name = "bytes"): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
  };
}

/**
 * Reads `bytes` bytes.
 * @param what names them in the error when the source ends before them
 */
export function readExactly(
  source: ByteSource,
  offset: number,
  bytes: number,
  what: string,
): Uint8Array<ArrayBuffer> {
  const left = Math.max(0, source.sizeBytes - offset);
  if (bytes > left) {
    badFormat(source, offset, what, `${bytes} bytes`, `${left} (the file is truncated)`);
  }
  const into = new Uint8Array(bytes);
  source.read(offset, into);
  return into;
}
