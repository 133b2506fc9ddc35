/**
 * Encodings to compare: every prefix set, opcode map, opcode and ModRM byte by number, and random
 * ones. All tails (SIB, displacement, immediate) are random, from the seed.
 */

import type { DecodeMode } from "../../../src/cpu/decode/decoder.ts";

/** Bytes from one encoding to the next in a batch: the longest instruction and one byte. */
export const SLOT_BYTES = 16;

const LEGACY_PREFIXES = [
  [],
  [0x66],
  [0x67],
  [0xf2],
  [0xf3],
  [0xf0],
  [0x66, 0xf2],
  [0xf3, 0x66],
  [0xf2, 0xf3],
  [0xf0, 0x66],
  [0xf0, 0xf3],
  [0x2e],
  [0x65, 0x36],
  [0x64, 0x67, 0x66],
] as const;

const REX_PREFIXES = [[], [0x40], [0x41], [0x42], [0x44], [0x48], [0x4d, 0x66], [0x4f]] as const;

const VEX_PAYLOADS = [0x78, 0x79, 0x7a, 0x7b, 0x40, 0x7c, 0xf8, 0xfb] as const;

/** Bytes between the prefixes and the opcode. */
const ESCAPES: readonly (readonly number[])[] = [
  [],
  [0x0f],
  [0x0f, 0x38],
  [0x0f, 0x3a],
  ...VEX_PAYLOADS.flatMap((last) => [
    [0xc5, last | 0x80],
    [0xc4, 0xe2, last],
  ]),
  [0xc4, 0xe1, 0x78],
  [0xc4, 0xe3, 0x7b],
  [0xc4, 0xe3, 0xfb],
  [0xc4, 0x02, 0xf8],
  [0xc4, 0xc2, 0x78],
  [0xc4, 0xe4, 0x78],
  [0xc4, 0xe0, 0x78],
];

const MODES = [16, 32, 64] as const;

/** A small generator (xorshift32): fast, seeded, the same on every machine. */
export class RandomBytes {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 11) & 0xff;
  }
}

/** One of the sets that are enumerated: a mode with its prefixes and escapes. */
export interface EncodingSet {
  readonly mode: DecodeMode;
  readonly lead: readonly number[];
}

/** Every mode × prefixes × REX × escape; each set has 65,536 encodings (opcode × ModRM). */
export function encodingSets(): EncodingSet[] {
  const sets: EncodingSet[] = [];
  for (const mode of MODES) {
    for (const legacy of LEGACY_PREFIXES) {
      for (const rex of mode === 64 ? REX_PREFIXES : [[]]) {
        for (const opcodeBytes of ESCAPES) {
          const isVex = (opcodeBytes[0] ?? 0) >= 0xc4;
          if (isVex && legacy.length > 1) continue;
          if (isVex && rex.length > 0 && legacy.length > 0) continue;
          sets.push({ mode, lead: [...legacy, ...rex, ...opcodeBytes] });
        }
      }
    }
  }
  return sets;
}

/** Writes one encoding into its slot: lead, opcode, ModRM, random bytes. */
export function writeEncoding(
  batch: Uint8Array,
  slot: number,
  lead: readonly number[],
  opcodeAndModrm: number,
  random: RandomBytes,
): void {
  let at = slot * SLOT_BYTES;
  const end = at + SLOT_BYTES;
  for (const byte of lead) batch[at++] = byte;
  batch[at++] = opcodeAndModrm >> 8;
  batch[at++] = opcodeAndModrm & 0xff;
  while (at < end) batch[at++] = random.next();
}

const ALL_PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48];

/** Fills a slot with random bytes, half of them led by up to three prefixes or an escape. */
export function writeRandom(batch: Uint8Array, slot: number, random: RandomBytes): void {
  let at = slot * SLOT_BYTES;
  const end = at + SLOT_BYTES;
  const shape = random.next();
  for (let prefixes = shape & 3; prefixes > 0; prefixes--) {
    batch[at++] = ALL_PREFIXES[random.next() % ALL_PREFIXES.length] as number;
  }
  if ((shape & 0xc) === 0xc) batch[at++] = 0x0f;
  while (at < end) batch[at++] = random.next();
}
