/** Random contents of x87, MMX and SSE registers: integers, and the numbers at the edges. */
import type { Random } from "./random.ts";
import { writeValue } from "./random.ts";
import { FX } from "./vector-state.ts";

const SINGLES = [
  0x0000_0000, 0x8000_0000, 0x3f80_0000, 0xbf80_0000, 0x0000_0001, 0x807f_ffff, 0x0080_0000,
  0x7f7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0001, 0xffc1_2345, 0x7f80_0001, 0xffbf_ffff,
  0x4f00_0000, 0xcf00_0000, 0x4eff_ffff, 0x3f00_0000, 0x3fc0_0000, 0x4020_0000,
];

const DOUBLE_HIGHS = [
  0x0000_0000, 0x8000_0000, 0x3ff0_0000, 0xbff0_0000, 0x000f_ffff, 0x0010_0000, 0x7fef_ffff,
  0x7ff0_0000, 0xfff0_0000, 0x7ff8_0000, 0xfff8_1234, 0x7ff4_0000, 0x41e0_0000, 0xc1e0_0000,
  0x43e0_0000, 0xc3e0_0000, 0x3fe0_0000, 0x3ff8_0000, 0x4004_0000, 0x36a0_0000, 0x47ef_ffff,
];

/** All exceptions masked: the sticky flags, DAZ, rounding and FTZ at random. */
const MXCSR_MASKS = 0x1f80;
const MXCSR_FREE = 0xe07f;

/** Fills an FXSAVE image. */
export function writeVectors(random: Random, image: DataView): void {
  writeX87Words(random, image);
  let mxcsr = MXCSR_MASKS | (random.once(2) ? random.u32() & MXCSR_FREE : 0);
  if (random.once(8)) mxcsr &= ~(random.u32() & MXCSR_MASKS);
  image.setUint32(FX.mxcsr, mxcsr, true);
  for (let index = 0; index < 8; index++) {
    writeLanes(random, image, FX.registers + index * 16, 8);
    writeExponent(random, image, FX.registers + index * 16);
  }
  for (let index = 0; index < 16; index++) writeLanes(random, image, FX.xmm + index * 16, 16);
}

/** Control, status without pending exceptions, and tags. */
function writeX87Words(random: Random, image: DataView): void {
  let control = 0x37f;
  if (random.once(2)) control = (random.u32() & 0xf40) | (random.once(4) ? random.u32() : 0x3f);
  control = (control & 0xf7f) | 0x40;
  const status = random.once(2) ? 0 : random.u32() & (0x7f00 | (control & 0x3f));
  image.setUint16(FX.control, control, true);
  image.setUint16(FX.status, status, true);
  image.setUint8(FX.tag, random.pick([0, 0xff, 0xff, 0xff, random.u32() & 0xff]));
}

/** Exponents at which x87's numbers change their kind. */
const EXPONENTS = [0, 0, 1, 2, 0x3c00, 0x3ffe, 0x3fff, 0x4000, 0x401d, 0x403e, 0x7ffe, 0x7fff];

/** Sign and exponent above a significand, and mostly the integer bit that fits. */
function writeExponent(random: Random, image: DataView, at: number): void {
  const kind = random.below(8);
  // As MMX instructions leave them: the exponent is all ones.
  if (kind === 0) {
    image.setUint16(at + 8, 0xffff, true);
    return;
  }
  const near = 0x3fff + random.below(140) - 70;
  const exponent = kind < 4 ? random.pick(EXPONENTS) : kind < 7 ? near : random.u32() & 0x7fff;
  image.setUint16(at + 8, exponent | (random.once(2) ? 0x8000 : 0), true);
  const high = image.getUint32(at + 4, true) & 0x7fff_ffff;
  if (random.once(3)) {
    image.setUint32(at, 0, true);
    image.setUint32(at + 4, 0, true);
  }
  if (!random.once(16))
    image.setUint32(at + 4, (exponent === 0 ? high : high | (2 ** 31)) >>> 0, true);
}

function writeLanes(random: Random, view: DataView, at: number, bytes: number): void {
  const kind = random.below(4);
  for (let offset = at; offset < at + bytes; offset += 8) {
    if (kind === 0) writeValue(random, view, offset);
    else if (kind === 1) {
      view.setUint32(offset, random.once(2) ? 0 : random.u32(), true);
      view.setUint32(offset + 4, doubleHigh(random), true);
    } else {
      view.setUint32(offset, single(random), true);
      view.setUint32(offset + 4, single(random), true);
    }
  }
}

function single(random: Random): number {
  const kind = random.below(4);
  if (kind < 2) return random.pick(SINGLES);
  // Near 1 in one half of the cases: sums and products that stay in range.
  return kind === 2 ? random.u32() : (random.u32() & 0x83ff_ffff) | 0x3c00_0000;
}

function doubleHigh(random: Random): number {
  const kind = random.below(4);
  if (kind < 2) return random.pick(DOUBLE_HIGHS);
  return kind === 2 ? random.u32() : (random.u32() & 0x807f_ffff) | 0x3fc0_0000;
}
