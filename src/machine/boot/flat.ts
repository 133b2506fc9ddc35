/** Starts bytes without a format, at an address and in a mode of the caller's choice. */
import { badArgument } from "../../base/errors.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { LOW_MEMORY_END } from "../memory-layout.ts";
import type { BootRequest } from "./boot-image.ts";
import { copyToMemory } from "./elf-load.ts";
import {
  type EntryState,
  gdtBytes,
  longModeEntry,
  protectedModeEntry,
  realModeEntry,
} from "./entry-state.ts";
import { identityMap } from "./identity-map.ts";
import { Placement } from "./placement.ts";

/** Real mode, 32-bit protected mode without paging, or 64-bit mode with the first 4 GiB mapped. */
export type FlatMode = "real" | "protected" | "long";

export interface FlatRequest extends Pick<BootRequest, "image" | "levels"> {
  /** Where the first byte goes and execution starts; below 1 MiB in real mode, else below 4 GiB. */
  readonly address: number;
  readonly mode: FlatMode;
}

const CODE_SELECTOR = 0x08;
const LIMITS = { real: 1 << 20, protected: 2 ** 32, long: 2 ** 32 } as const;

/** @throws BootError, ArgumentError */
export function bootFlat(memory: PhysicalMemory, request: FlatRequest): EntryState {
  const { image, address, mode, levels = 4 } = request;
  if (!(Number.isSafeInteger(address) && address >= 0 && address < LIMITS[mode])) {
    badArgument("address", `0..0x${(LIMITS[mode] - 1).toString(16)} in ${mode} mode`, address);
  }
  const place = new Placement(memory);
  place.take(address, image.sizeBytes, image.name);
  copyToMemory(image, 0, image.sizeBytes, address, place);
  if (mode === "real") return realModeEntry(address);
  const bytes = gdtBytes(CODE_SELECTOR, mode === "long" ? "code64" : "code32");
  const base = place.lowest(bytes.length, 16, 0x1000, LOW_MEMORY_END, "boot GDT");
  memory.writeBytes(base, bytes);
  const gdt = { base: BigInt(base), limit: bytes.length - 1, codeSelector: CODE_SELECTOR };
  if (mode === "protected") return protectedModeEntry(address, gdt);
  return longModeEntry(BigInt(address), gdt, { cr3: identityMap(place, levels), levels });
}
