/** Loads the segments of an ELF file at their physical addresses. */
import type { ByteSource } from "../../base/byte-source.ts";
import { type ElfFile, PT_LOAD } from "../../base/elf.ts";
import { hex } from "../../base/hex.ts";
import { BootError, type Placement } from "./placement.ts";

/** More than any kernel has, and few enough to keep the search for free room short. */
const MAX_LOADS = 256;
const COPY_BYTES = 1 << 20;
const TWO_53 = 1n << 53n;

/** @returns one past the highest byte loaded. @throws BootError, before anything is written */
export function loadElfSegments(elf: ElfFile, place: Placement): number {
  const { source } = elf;
  const loads = elf.segments.filter(
    ({ type, memoryBytes }) => type === PT_LOAD && memoryBytes > 0n,
  );
  if (loads.length === 0)
    throw new BootError(`${source.name}: expected a PT_LOAD segment, got none`);
  if (loads.length > MAX_LOADS) {
    throw new BootError(
      `${source.name}: expected at most ${MAX_LOADS} PT_LOAD segments, got ${loads.length}`,
    );
  }
  const ramBytes = place.memory.regions.reduce((sum, { base, end }) => sum + end - base, 0);
  let total = 0;
  let top = 0;
  for (const { index, physical, memoryBytes, fileBytes } of loads) {
    const what = `${source.name}: segment ${index}`;
    if (BigInt(fileBytes) > memoryBytes) {
      throw new BootError(
        `${what}: expected p_filesz <= p_memsz, got ${fileBytes} > ${memoryBytes}`,
      );
    }
    if (physical + memoryBytes >= TWO_53) {
      throw new BootError(
        `${what}: expected RAM at ${hex(physical)}+${hex(memoryBytes)}, got none`,
      );
    }
    total += Number(memoryBytes);
    // Segments that overlap without end would load for ever.
    if (total > ramBytes) {
      throw new BootError(`${what}: expected segments of at most ${hex(ramBytes)} bytes together`);
    }
    place.take(Number(physical), Number(memoryBytes), what);
    top = Math.max(top, Number(physical + memoryBytes));
  }
  for (const { offset, fileBytes, physical, memoryBytes } of loads) {
    const base = Number(physical);
    copyToMemory(source, offset, fileBytes, base, place);
    place.memory.fill(base + fileBytes, Number(memoryBytes) - fileBytes);
  }
  return top;
}

/** Copies part of a file into memory piece by piece. */
export function copyToMemory(
  source: ByteSource,
  offset: number,
  bytes: number,
  base: number,
  place: Placement,
): void {
  const buffer = new Uint8Array(Math.min(bytes, COPY_BYTES));
  for (let done = 0; done < bytes; done += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, bytes - done));
    source.read(offset + done, piece);
    place.memory.writeBytes(base + done, piece);
  }
}
