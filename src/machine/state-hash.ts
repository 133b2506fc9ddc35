/** One number for everything that a guest could see: to tell whether two runs ended alike. */
import { createHash } from "node:crypto";
import type { Board } from "./board.ts";
import type { Processor } from "./processor.ts";

const PIECE_BYTES = 1 << 20;

/** SHA-256 over memory, registers, devices and timers, in hexadecimal. */
export function stateHash(board: Board, processors: readonly Processor[]): string {
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE_BYTES);
  for (const { base, end } of board.memory.regions) {
    hash.update(`${base} ${end}`);
    for (let at = base; at < end; at += PIECE_BYTES) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, end - at));
      board.memory.readBytes(at, part);
      hash.update(part);
    }
  }
  for (const { cpu } of processors) {
    hash.update(cpu.state.bytes());
    const { cr0, cr3, cr4, efer, pkru, pkrs } = cpu.mmu.registers.now;
    hash.update([cr0, cr3, cr4, efer, pkru, pkrs, cpu.nmiPending].join(" "));
  }
  const devices = Object.entries(board.devices).map(([name, { state }]) => [name, state]);
  hash.update(JSON.stringify([devices, board.clock.save()], stable));
  return hash.digest("hex");
}

/** Typed arrays, maps, sets and bigints as JSON has no words for them. */
function stable(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Map || value instanceof Set) return [...value];
  return ArrayBuffer.isView(value) ? Array.from(value as Uint8Array) : value;
}
