import { PhysicalMemory } from "../../src/memory/physical-memory.ts";

export const PAGE = 0x1000;
export const CHUNK = 0x1_0000;
export const SECTION = 0x800_0000;
export const TIB = 2 ** 40;

/** A memory whose linear memory has `chunks` chunks for RAM and chunk tables. */
export function memoryOf(chunks: number, addressBits = 40): PhysicalMemory {
  const guardAndArena = 2 * CHUNK;
  const directoryBytes = Math.max(CHUNK, 2 ** (addressBits - 27) * 4);
  const linearBytes = guardAndArena + directoryBytes + chunks * CHUNK;
  return new PhysicalMemory({ addressBits, arenaBytes: CHUNK, linearBytes });
}

/** A device that writes down what it is asked and reads as what `answer` says. */
export function recorder(answer: (offset: number, bytes: number) => number = () => 0) {
  const log: string[] = [];
  return {
    log,
    read(offset: number, bytes: 1 | 2 | 4): number {
      log.push(`r${bytes} ${offset.toString(16)}`);
      return answer(offset, bytes);
    },
    write(offset: number, bytes: 1 | 2 | 4, value: number): void {
      log.push(`w${bytes} ${offset.toString(16)}=${value.toString(16)}`);
    },
  };
}

export function bytesOf(memory: PhysicalMemory, base: number, bytes: number): number[] {
  const into = new Uint8Array(bytes);
  memory.readBytes(base, into);
  return [...into];
}
