/** Compares native results with pml5's. */
import { COMPARED_FLAGS, FX_BYTES, RESULT, type Records, WINDOW_BYTES } from "./cases.ts";
import { type Ignored, ignoredBy, isSameVector, MEMORY, NOTHING } from "./undefined-results.ts";
import { keepCompared } from "./vector-state.ts";

/** Shows what a processor makes of undefined results, too. */
const SHOW_UNDEFINED = process.env.PML5_SILICON_UNDEFINED === "1";

export interface Difference {
  readonly index: number;
  /** Names of what differs: "rax", "flags", "memory", … */
  readonly fields: readonly string[];
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Cases that differ only in what the manual leaves undefined. */
  readonly undefinedOnly: readonly number[];
}

export const REGISTER_NAMES = [
  ...["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"],
  ...["r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"],
];

/** @param native changed: what is never compared is cleared */
export function compare(cases: Records, native: Records, emulated: Records): Comparison {
  const vectors = native.strideBytes > RESULT.fx;
  const differences: Difference[] = [];
  const undefinedOnly: number[] = [];
  const size = native.strideBytes;
  for (let index = 0; index < cases.count; index++) {
    const at = native.at(index);
    const flags = native.view.getUint32(at + RESULT.flags, true) & COMPARED_FLAGS;
    native.view.setBigUint64(at + RESULT.flags, BigInt(flags), true);
    if (vectors) keepCompared(native.bytes.subarray(at + RESULT.fx, at + RESULT.fx + FX_BYTES));
    const expected = native.bytes.subarray(at, at + size);
    const found = emulated.bytes.subarray(at, at + size);
    if (Buffer.compare(expected, found) === 0) continue;
    const faulted = native.view.getInt32(at + RESULT.trap, true) >= 0;
    const ignored = SHOW_UNDEFINED ? NOTHING : ignoredBy(cases, index, faulted);
    const fields = differingFields(cases, index, native.view, emulated.view, at, ignored, vectors);
    if (fields.length > 0) differences.push({ index, fields });
    else undefinedOnly.push(index);
  }
  return { differences, undefinedOnly };
}

function differingFields(
  cases: Records,
  index: number,
  native: DataView,
  emulated: DataView,
  at: number,
  ignored: Ignored,
  vectors: boolean,
): string[] {
  const fields: string[] = [];
  const same64 = (offset: number) =>
    native.getBigUint64(at + offset, true) === emulated.getBigUint64(at + offset, true);
  if (!same64(RESULT.trap)) fields.push("exception");
  if (!same64(RESULT.rip)) fields.push("rip");
  if (!same64(RESULT.cr2)) fields.push("cr2");
  const changed =
    native.getUint32(at + RESULT.flags, true) ^ emulated.getUint32(at + RESULT.flags, true);
  if ((changed & ~ignored.flags) !== 0) fields.push("flags");
  REGISTER_NAMES.forEach((name, register) => {
    if (register !== ignored.register && !same64(RESULT.gpr + register * 8)) fields.push(name);
  });
  const memory = { length: WINDOW_BYTES / 8 };
  const isSame = Array.from(memory, (_, i) => same64(RESULT.window + i * 8)).every(Boolean);
  if (!isSame && ignored.register !== MEMORY) fields.push("memory");
  const sameStray = same64(RESULT.stray) && same64(RESULT.strayValue);
  if (!sameStray && ignored.register !== MEMORY) fields.push("memory outside");
  if (vectors) {
    for (let offset = 0; offset < FX_BYTES; offset += 16) {
      const isSame = [0, 8].every((half) => {
        const place = RESULT.fx + offset + half;
        return (
          same64(place) ||
          isSameVector(
            cases,
            index,
            new DataView(emulated.buffer, emulated.byteOffset + at + place, 8),
            new DataView(native.buffer, native.byteOffset + at + place, 8),
          )
        );
      });
      if (!isSame) fields.push(vectorName(offset));
    }
  }
  return fields.filter((field) => !ignored.fields?.includes(field));
}

function vectorName(offset: number): string {
  if (offset < 32) return offset === 0 ? "x87 control" : "mxcsr";
  return offset < 160 ? `mm${(offset - 32) / 16}` : `xmm${(offset - 160) / 16}`;
}
