/**
 * A device's registers in physical memory.
 *
 * Accesses arrive with 1, 2 or 4 bytes and never cross the range's end; an 8-byte access comes as
 * two of 4, lower half first. Values are unsigned 32-bit numbers.
 */
export interface MmioHandler {
  read(offset: number, bytes: 1 | 2 | 4): number;
  write(offset: number, bytes: 1 | 2 | 4, value: number): void;
}
