/** The multiboot 1 header of an image ("Multiboot Specification version 0.6.96", 3.1). */
import { type ByteSource, badFormat, readExactly } from "../../base/byte-source.ts";

const SEARCH_BYTES = 8192;
const MAGIC = 0x1badb002;
const FLAG = { pageAlign: 0x1, memory: 0x2, video: 0x4, addresses: 0x10000 } as const;
/** The low half are requirements: a loader that does not know one must refuse. */
const KNOWN_REQUIREMENTS = FLAG.pageAlign | FLAG.memory | FLAG.video;

/** The "a.out kludge": where an image that is no ELF file goes. */
export interface MultibootAddresses {
  readonly fileOffset: number;
  readonly load: number;
  /** Bytes to copy from the file, and bytes to clear after them. */
  readonly loadBytes: number;
  readonly bssBytes: number;
  readonly entry: number;
}

export interface MultibootHeader {
  readonly offset: number;
  readonly addresses: MultibootAddresses | undefined;
}

/**
 * Finds the header: 4-byte aligned, whole within the first 8 KiB.
 * @returns undefined when the image has none
 * @throws FormatError when it has one that cannot be obeyed
 */
export function findMultibootHeader(source: ByteSource): MultibootHeader | undefined {
  const size = Math.min(SEARCH_BYTES, source.sizeBytes);
  const bytes = readExactly(source, 0, size, "image");
  const view = new DataView(bytes.buffer);
  for (let offset = 0; offset + 12 <= size; offset += 4) {
    if (view.getUint32(offset, true) !== MAGIC) continue;
    const flags = view.getUint32(offset + 4, true);
    if ((MAGIC + flags + view.getUint32(offset + 8, true)) >>> 0 !== 0) continue;
    const unknown = flags & 0xffff & ~KNOWN_REQUIREMENTS;
    if (unknown) badFormat(source, offset + 4, "multiboot flags", "bits 0..2 and 16", flags);
    const has = (flags & FLAG.addresses) !== 0;
    return { offset, addresses: has ? readAddresses(source, offset) : undefined };
  }
  return undefined;
}

function readAddresses(source: ByteSource, offset: number): MultibootAddresses {
  const fields = readExactly(source, offset + 12, 20, "multiboot address fields");
  const view = new DataView(fields.buffer);
  const [header, load, loadEnd, bssEnd, entry] = [0, 4, 8, 12, 16].map((at) =>
    view.getUint32(at, true),
  ) as [number, number, number, number, number];
  const wrong = (what: string, expected: string, got: number): never =>
    badFormat(source, offset + 12, what, expected, got);
  if (header < load) wrong("load_addr", "at most header_addr", load);
  const fileOffset = offset - (header - load);
  if (fileOffset < 0) wrong("load_addr", "an address whose bytes are in the file", load);
  const available = source.sizeBytes - fileOffset;
  const loadBytes = loadEnd === 0 ? available : loadEnd - load;
  if (loadBytes < 0) wrong("load_end_addr", "0 or at least load_addr", loadEnd);
  if (loadBytes > available) {
    wrong("load_end_addr", `at most ${available} bytes after load_addr`, loadEnd);
  }
  const bssBytes = bssEnd === 0 ? 0 : bssEnd - (load + loadBytes);
  if (bssBytes < 0) wrong("bss_end_addr", "0 or at least the end of what is loaded", bssEnd);
  return { fileOffset, load, loadBytes, bssBytes, entry };
}
