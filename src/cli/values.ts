/** Readers of what people type: each throws a UsageError that says what it expected. */

import { GIB, KIB, MIB, TIB } from "../base/units.ts";
import { UsageError } from "./command.ts";

/** Hexadecimal with or without 0x, up to 64 bits; `_` and a backtick may separate digits. */
export function hexadecimal(text: string, what: string): bigint {
  const digits = text.replace(/^0x/i, "").replace(/[_`]/g, "");
  if (!/^[0-9a-f]{1,16}$/i.test(digits)) {
    throw wrong(what, "up to 16 hexadecimal digits, with or without 0x", text);
  }
  return BigInt(`0x${digits}`);
}

/** The same, of at most 32 bits. */
export function hexadecimal32(text: string, what: string): number {
  const value = hexadecimal(text, what);
  if (value > 0xffff_ffffn) throw wrong(what, "at most ffffffff", text);
  return Number(value) | 0;
}

/** A whole decimal number. */
export function decimal(least: number, most: number): (text: string, what: string) => number {
  return (text, what) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      const limit = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least}..${most}`;
      throw wrong(what, limit, text);
    }
    return value;
  };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: KIB, M: MIB, G: GIB, T: TIB };

/** A number of bytes: digits and K, M, G or T. */
export function bytes(text: string, what: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,12})([KMGT]?)$/i.exec(text) ?? [];
  const value = digits === "" ? Number.NaN : Number(digits) * (UNITS[unit.toUpperCase()] ?? 1);
  if (!Number.isSafeInteger(value)) throw wrong(what, "a number of bytes such as 64G", text);
  return value;
}

function wrong(what: string, expected: string, got: string): UsageError {
  return new UsageError(`${what}: expected ${expected}, got ${JSON.stringify(got)}`);
}
