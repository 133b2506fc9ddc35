/** Starts an image by what it contains. */
import { isElf } from "../../base/elf.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import type { BootRequest } from "./boot-image.ts";
import type { EntryState } from "./entry-state.ts";
import { bootBzImage, bootElf64, isBzImage } from "./long-mode.ts";
import { bootMultiboot } from "./multiboot.ts";
import { findMultibootHeader } from "./multiboot-header.ts";
import { BootError } from "./placement.ts";

/**
 * Loads a Linux bzImage, a multiboot 1 kernel or a plain ELF64 file (in this order of recognition)
 * and says how the boot processor begins.
 * @throws FormatError, BootError, ArgumentError; memory may have been written then
 */
export function bootImage(memory: PhysicalMemory, request: BootRequest): EntryState {
  const { image } = request;
  if (isBzImage(image)) return bootBzImage(memory, request);
  if (findMultibootHeader(image)) return bootMultiboot(memory, request);
  if (isElf(image)) return bootElf64(memory, request);
  throw new BootError(
    `${image.name}: expected a Linux bzImage, a multiboot kernel or an ELF64 file, got none of them`,
  );
}
