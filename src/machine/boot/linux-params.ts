/**
 * Linux's boot_params, the "zero page" (kernel documentation, "The Linux/x86 Boot Protocol" and
 * "Zero Page").
 */

import { KIB } from "../../base/units.ts";
import { type E820Entry, e820Map, LOW_MEMORY_END, ONE_MIB } from "../memory-layout.ts";
import type { BootRequest } from "./boot-image.ts";
import { copyToMemory } from "./elf-load.ts";
import type { Placement } from "./placement.ts";
import { zeroTerminated } from "./text.ts";

const PARAMS_BYTES = 4096;
const PARAMS_FROM = 0x9000;
const FIELD = {
  extendedMemoryKib: 0x002,
  rsdp: 0x070,
  alternativeMemoryKib: 0x1e0,
  e820Count: 0x1e8,
  loaderType: 0x210,
  initrd: 0x218,
  initrdBytes: 0x21c,
  commandLine: 0x228,
  e820: 0x2d0,
} as const;
const E820_ENTRY_BYTES = 20;
/** A loader without a registered number; 0 would make the kernel ignore the initrd. */
const LOADER_UNDEFINED = 0xff;

export interface LinuxParams {
  /** Setup header bytes of a bzImage, to be copied to 0x1f1; none for an ELF kernel. */
  readonly setupHeader?: Uint8Array;
  /** The initrd lies in [initrdFrom, initrdTo). */
  readonly initrdFrom: number;
  readonly initrdTo: number;
}

/** Writes boot_params, command line and initrd. @returns the address of boot_params, for RSI */
export function writeLinuxParams(
  request: BootRequest,
  place: Placement,
  params: LinuxParams,
): number {
  const { memory } = place;
  const { ram, rsdp = 0 } = request;
  const at = place.lowest(PARAMS_BYTES, 4096, PARAMS_FROM, LOW_MEMORY_END, "boot_params");
  memory.fill(at, PARAMS_BYTES);
  if (params.setupHeader) memory.writeBytes(at + 0x1f1, params.setupHeader);
  const extendedKib = (ram.lowBytes - ONE_MIB) / KIB;
  memory.write16(at + FIELD.extendedMemoryKib, Math.min(extendedKib, 0xfc00));
  memory.write32(at + FIELD.alternativeMemoryKib, extendedKib);
  memory.write64(at + FIELD.rsdp, BigInt(rsdp));
  memory.write8(at + FIELD.loaderType, LOADER_UNDEFINED);
  writeE820(at, e820Map(ram), place);
  const line = zeroTerminated(request.commandLine ?? "", "command line");
  const lineAt = place.lowest(line.length, 16, PARAMS_FROM, LOW_MEMORY_END, "command line");
  memory.writeBytes(lineAt, line);
  memory.write32(at + FIELD.commandLine, lineAt);
  const initrd = request.modules?.[0]?.source;
  if (initrd) {
    const bytes = initrd.sizeBytes;
    const { initrdFrom, initrdTo } = params;
    const base = place.highest(bytes, 4096, initrdFrom, initrdTo, `initrd ${initrd.name}`);
    copyToMemory(initrd, 0, bytes, base, place);
    memory.write32(at + FIELD.initrd, base);
    memory.write32(at + FIELD.initrdBytes, bytes);
  }
  return at;
}

function writeE820(at: number, map: readonly E820Entry[], { memory }: Placement): void {
  memory.write8(at + FIELD.e820Count, map.length);
  for (const [index, { base, bytes, type }] of map.entries()) {
    const entry = at + FIELD.e820 + index * E820_ENTRY_BYTES;
    memory.write64(entry, BigInt(base));
    memory.write64(entry + 8, BigInt(bytes));
    memory.write32(entry + 16, type);
  }
}
