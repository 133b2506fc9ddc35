/**
 * Starts what begins in 64-bit mode: a plain ELF64 file (a Linux vmlinux among them) at its entry,
 * and a Linux bzImage at its 64-bit entry. RSI points to Linux's boot_params in both, and the
 * segments are those of the Linux boot protocol: code 0x10, data 0x18.
 */
import { type ByteSource, badFormat, readExactly } from "../../base/byte-source.ts";
import { EM_X86_64, readElf } from "../../base/elf.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { LOW_MEMORY_END } from "../memory-layout.ts";
import type { BootRequest } from "./boot-image.ts";
import { copyToMemory, loadElfSegments } from "./elf-load.ts";
import { type EntryState, gdtBytes, longModeEntry } from "./entry-state.ts";
import { identityMap } from "./identity-map.ts";
import { type LinuxParams, writeLinuxParams } from "./linux-params.ts";
import { BootError, Placement } from "./placement.ts";

const CODE_SELECTOR = 0x10;
const STACK_BYTES = 16384;

/** @throws FormatError, BootError, ArgumentError */
export function bootElf64(memory: PhysicalMemory, request: BootRequest): EntryState {
  const elf = readElf(request.image);
  if (elf.bits !== 64 || elf.machine !== EM_X86_64) {
    const kind = `${elf.bits}-bit, machine ${elf.machine}`;
    throw new BootError(`${request.image.name}: expected ELF64 for x86-64, got ${kind}`);
  }
  const place = new Placement(memory);
  const top = loadElfSegments(elf, place);
  return enter(place, request, elf.entry, { initrdFrom: top, initrdTo: request.ram.lowBytes });
}

function enter(
  place: Placement,
  request: BootRequest,
  entry: bigint,
  params: LinuxParams,
): EntryState {
  const levels = request.levels ?? 4;
  const cr3 = identityMap(place, levels);
  const rsi = BigInt(writeLinuxParams(request, place, params));
  const gdt = gdtBytes(CODE_SELECTOR, "code64");
  const gdtBase = place.lowest(gdt.length, 16, 0x1000, LOW_MEMORY_END, "boot GDT");
  place.memory.writeBytes(gdtBase, gdt);
  const stack = place.lowest(STACK_BYTES, 16, 0x2000, LOW_MEMORY_END, "boot stack");
  return longModeEntry(
    entry,
    { base: BigInt(gdtBase), limit: gdt.length - 1, codeSelector: CODE_SELECTOR },
    { cr3, levels },
    { rsi, rsp: BigInt(stack + STACK_BYTES) },
  );
}

// --- bzImage ------------------------------------------------------------------------------------

const SETUP = {
  start: 0x1f1,
  sectors: 0x1f1,
  jumpBytes: 0x201,
  magic: 0x202,
  version: 0x206,
  initrdMax: 0x22c,
  commandLineMax: 0x238,
  loadFlags: 0x236,
  preferred: 0x258,
  initBytes: 0x260,
} as const;
const SECTOR_BYTES = 512;
const DEFAULT_SECTORS = 4;
const MAGIC = 0x53726448;
/** 2.12 brought the 64-bit entry and the flag that tells it. */
const OLDEST_VERSION = 0x020c;
const HAS_64_BIT_ENTRY = 1;
const ENTRY_64_OFFSET = 0x200;
const HEADER_END = 0x264;

/** Whether the file is a Linux kernel image with a setup header. */
export function isBzImage(source: ByteSource): boolean {
  if (source.sizeBytes < HEADER_END) return false;
  const magic = readExactly(source, SETUP.magic, 4, "setup header");
  return new DataView(magic.buffer).getUint32(0, true) === MAGIC;
}

/** @throws FormatError, BootError, ArgumentError */
export function bootBzImage(memory: PhysicalMemory, request: BootRequest): EntryState {
  const { image, ram } = request;
  const setup = readSetup(image, request.commandLine ?? "");
  const place = new Placement(memory);
  // The kernel unpacks itself in place and needs all of init_size.
  place.take(setup.base, Math.max(setup.initBytes, setup.bytes), `${image.name}: init_size`);
  copyToMemory(image, setup.offset, setup.bytes, setup.base, place);
  return enter(place, request, BigInt(setup.base + ENTRY_64_OFFSET), {
    setupHeader: setup.header,
    initrdFrom: setup.base + setup.initBytes,
    initrdTo: Math.min(ram.lowBytes, setup.initrdMax + 1),
  });
}

function readSetup(image: ByteSource, commandLine: string) {
  const bytes = readExactly(image, 0, HEADER_END, "setup header");
  const view = new DataView(bytes.buffer);
  const version = view.getUint16(SETUP.version, true);
  if (version < OLDEST_VERSION) {
    badFormat(image, SETUP.version, "boot protocol", "2.12 (0x20c) or newer", version);
  }
  const flags = view.getUint16(SETUP.loadFlags, true);
  if (!(flags & HAS_64_BIT_ENTRY)) {
    badFormat(image, SETUP.loadFlags, "xloadflags", "bit 0, a 64-bit entry", flags);
  }
  const offset = ((view.getUint8(SETUP.sectors) || DEFAULT_SECTORS) + 1) * SECTOR_BYTES;
  if (offset + ENTRY_64_OFFSET >= image.sizeBytes) {
    badFormat(image, SETUP.sectors, "setup_sects", "a kernel after the setup code", "none");
  }
  const preferred = view.getBigUint64(SETUP.preferred, true);
  if (preferred >= 1n << 32n) {
    badFormat(image, SETUP.preferred, "pref_address", "an address below 4 GiB", preferred);
  }
  const commandLineMax = view.getUint32(SETUP.commandLineMax, true);
  if (new TextEncoder().encode(commandLine).length > commandLineMax) {
    throw new BootError(`command line: expected at most ${commandLineMax} bytes for this kernel`);
  }
  // The header ends where the jump over it, at 0x200, leads.
  const headerEnd = SETUP.magic + view.getUint8(SETUP.jumpBytes);
  return {
    header: readExactly(image, SETUP.start, headerEnd - SETUP.start, "setup header"),
    offset,
    bytes: image.sizeBytes - offset,
    base: Number(preferred),
    initBytes: view.getUint32(SETUP.initBytes, true),
    initrdMax: view.getUint32(SETUP.initrdMax, true),
  };
}
