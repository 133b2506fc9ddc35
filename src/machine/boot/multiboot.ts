/**
 * Starts a multiboot 1 kernel as `qemu -kernel` does: ELF with 32-bit or 64-bit headers, or placed
 * by the header's own addresses; 32-bit protected mode, EAX the magic, EBX the information.
 */
import type { ByteSource } from "../../base/byte-source.ts";
import { readElf } from "../../base/elf.ts";
import { hex } from "../../base/hex.ts";
import { KIB } from "../../base/units.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { e820Map, LOW_MEMORY_END, ONE_MIB } from "../memory-layout.ts";
import type { BootRequest } from "./boot-image.ts";
import { copyToMemory, loadElfSegments } from "./elf-load.ts";
import { type EntryState, gdtBytes, protectedModeEntry } from "./entry-state.ts";
import { findMultibootHeader, type MultibootAddresses } from "./multiboot-header.ts";
import { BootError, Placement } from "./placement.ts";
import { zeroTerminated } from "./text.ts";

const BOOT_MAGIC = 0x2badb002n;
const LOADER_NAME = "pml5";
/** First BIOS disk, no partitions named. */
const BOOT_DEVICE = 0x8000ffff;
const CODE_SELECTOR = 0x08;
const PAGE_BYTES = 4096;
const INFO_FROM = 0x9000;
const INFO_BYTES = 88;
const INFO = {
  flags: 0,
  memLower: 4,
  memUpper: 8,
  bootDevice: 12,
  commandLine: 16,
  moduleCount: 20,
  modules: 24,
  mapBytes: 44,
  map: 48,
  loaderName: 64,
} as const;
/** Memory sizes, boot device, command line, modules, memory map, loader name. */
const INFO_FLAGS = 0x24f;
const MODULE_BYTES = 16;
const MAP_ENTRY_BYTES = 24;

/** @throws FormatError, BootError, ArgumentError */
export function bootMultiboot(memory: PhysicalMemory, request: BootRequest): EntryState {
  const { image } = request;
  const header = findMultibootHeader(image);
  if (header === undefined) {
    throw new BootError(`${image.name}: expected a multiboot header in the first 8 KiB, got none`);
  }
  const place = new Placement(memory);
  const { entry, top } = header.addresses
    ? loadByAddresses(image, header.addresses, place)
    : loadElf(image, place);
  const info = writeInformation(request, place, top);
  const gdt = gdtBytes(CODE_SELECTOR, "code32");
  const gdtBase = place.lowest(gdt.length, 16, 0x1000, LOW_MEMORY_END, "boot GDT");
  memory.writeBytes(gdtBase, gdt);
  return protectedModeEntry(
    entry,
    { base: BigInt(gdtBase), limit: gdt.length - 1, codeSelector: CODE_SELECTOR },
    { rax: BOOT_MAGIC, rbx: BigInt(info) },
  );
}

function loadByAddresses(image: ByteSource, to: MultibootAddresses, place: Placement) {
  place.take(to.load, to.loadBytes + to.bssBytes, image.name);
  copyToMemory(image, to.fileOffset, to.loadBytes, to.load, place);
  place.memory.fill(to.load + to.loadBytes, to.bssBytes);
  return { entry: to.entry, top: to.load + to.loadBytes + to.bssBytes };
}

function loadElf(image: ByteSource, place: Placement) {
  const elf = readElf(image);
  if (elf.entry >= 1n << 32n) {
    throw new BootError(`${image.name}: expected an entry below 4 GiB, got ${hex(elf.entry)}`);
  }
  return { entry: Number(elf.entry), top: loadElfSegments(elf, place) };
}

/** Modules above the kernel, page by page; everything else in low memory. */
function writeInformation(request: BootRequest, place: Placement, top: number): number {
  const { memory } = place;
  const { ram } = request;
  const low = (bytes: Uint8Array, align: number, what: string) => {
    const at = place.lowest(bytes.length, align, INFO_FROM, LOW_MEMORY_END, what);
    memory.writeBytes(at, bytes);
    return at;
  };
  const info = place.lowest(INFO_BYTES, 16, INFO_FROM, LOW_MEMORY_END, "multiboot information");
  const modules = writeModules(request, place, top);
  const moduleTable = low(modules, 16, "multiboot modules");
  const map = memoryMap(request);
  const name = request.imageName ?? request.image.name;
  const line = [name, request.commandLine].filter((part) => part).join(" ");
  const fields: Record<keyof typeof INFO, number> = {
    flags: INFO_FLAGS,
    memLower: LOW_MEMORY_END / KIB,
    memUpper: (ram.lowBytes - ONE_MIB) / KIB,
    bootDevice: BOOT_DEVICE,
    commandLine: low(zeroTerminated(line, "command line"), 1, "command line"),
    moduleCount: modules.length / MODULE_BYTES,
    modules: moduleTable,
    mapBytes: map.length,
    map: low(map, 16, "memory map"),
    loaderName: low(zeroTerminated(LOADER_NAME, "loader name"), 1, "loader name"),
  };
  memory.fill(info, INFO_BYTES);
  for (const [field, offset] of Object.entries(INFO)) {
    memory.write32(info + offset, fields[field as keyof typeof INFO]);
  }
  return info;
}

function writeModules(request: BootRequest, place: Placement, top: number): Uint8Array {
  const modules = request.modules ?? [];
  const table = new DataView(new ArrayBuffer(modules.length * MODULE_BYTES));
  let from = Math.max(top, ONE_MIB);
  for (const [index, { source, commandLine }] of modules.entries()) {
    const bytes = source.sizeBytes;
    const what = `module ${source.name}`;
    const base = place.lowest(bytes, PAGE_BYTES, from, request.ram.lowBytes, what);
    copyToMemory(source, 0, bytes, base, place);
    from = base + bytes;
    const line = zeroTerminated(commandLine, "module command line");
    const lineAt = place.lowest(line.length, 1, INFO_FROM, LOW_MEMORY_END, what);
    place.memory.writeBytes(lineAt, line);
    const at = index * MODULE_BYTES;
    for (const [i, word] of [base, from, lineAt, 0].entries()) {
      table.setUint32(at + 4 * i, word, true);
    }
  }
  return new Uint8Array(table.buffer);
}

/** Entries whose first word is the size of what follows it. */
function memoryMap(request: BootRequest): Uint8Array {
  const entries = e820Map(request.ram);
  const view = new DataView(new ArrayBuffer(entries.length * MAP_ENTRY_BYTES));
  for (const [index, { base, bytes, type }] of entries.entries()) {
    const at = index * MAP_ENTRY_BYTES;
    view.setUint32(at, MAP_ENTRY_BYTES - 4, true);
    view.setBigUint64(at + 4, BigInt(base), true);
    view.setBigUint64(at + 12, BigInt(bytes), true);
    view.setUint32(at + 20, type, true);
  }
  return new Uint8Array(view.buffer);
}
