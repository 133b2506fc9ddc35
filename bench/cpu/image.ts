/**
 * A multiboot image around one workload: enters 64-bit mode, writes "S" to port 0xE9, runs the
 * workload, writes "E", and ends through the debug exit at port 0xF4. It runs unchanged elsewhere.
 */
import { int32, type Workload } from "./workloads.ts";

const BASE = 0x100000;
const AT = {
  code32: BASE + 0x40,
  code64: BASE + 0x100,
  handler: BASE + 0x800,
  pml4: BASE + 0x1000,
  pdpt: BASE + 0x2000,
  pd: BASE + 0x3000,
  gdt: BASE + 0x4000,
  idt: BASE + 0x5000,
  stack: BASE + 0x8000,
} as const;
const IMAGE_BYTES = 0x8000;

/** Where the image goes, and where it is entered in 32-bit protected mode. */
export const ENTRY = { base: BASE, code32: AT.code32 } as const;

const CODE64 = 0x08;
const DATA = 0x10;
const MULTIBOOT = { magic: 0x1badb002, flags: 0x10000 } as const;
const WRITABLE = 3n;
const LARGE = 0x83n;

/** @param count how often the body runs, 1 .. 2^31-1 */
export function buildImage(workload: Workload, count: number): Uint8Array {
  const image = new Uint8Array(IMAGE_BYTES);
  const view = new DataView(image.buffer);
  const put = (at: number, text: string) => image.set(bytesOf(text), at - BASE);
  const put64 = (at: number, word: bigint) => view.setBigUint64(at - BASE, word, true);
  const { magic, flags } = MULTIBOOT;
  const header = [magic, flags, -(magic + flags), BASE, BASE, BASE + IMAGE_BYTES, 0, AT.code32];
  header.forEach((word, i) => {
    view.setInt32(4 * i, word | 0, true);
  });
  put(AT.code32, code32());
  put(AT.code64, code64(workload, count));
  put(AT.handler, workload.handler ?? "f4");
  put64(AT.pml4, BigInt(AT.pdpt) | WRITABLE);
  put64(AT.pdpt, BigInt(AT.pd) | WRITABLE);
  for (let i = 0; i < 512; i++) put64(AT.pd + 8 * i, (BigInt(i) << 21n) | LARGE);
  [0n, 0x00af_9b00_0000_ffffn, 0x00cf_9300_0000_ffffn].forEach((word, i) => {
    put64(AT.gdt + 8 * i, word);
  });
  pointer(view, AT.gdt + 0x20, 0x17, AT.gdt);
  pointer(view, AT.gdt + 0x30, 0xfff, AT.idt);
  for (const vector of [6, 14]) {
    const low = (AT.handler & 0xffff) | (CODE64 << 16);
    put64(AT.idt + 16 * vector, BigInt(low) | (BigInt((AT.handler & 0xffff0000) | 0x8e00) << 32n));
  }
  return image;
}

/** To 64-bit mode (SDM 3A, "Initializing IA-32e Mode"). */
function code32(): string {
  return [
    `0f 01 15 ${int32(AT.gdt + 0x20)}`, // lgdt
    `b8 ${int32(AT.pml4)} 0f 22 d8`, // mov cr3, eax
    "b8 a0 00 00 00 0f 22 e0", // cr4: PAE, PGE
    "b9 80 00 00 c0 0f 32 0d 00 01 00 00 0f 30", // EFER.LME
    "b8 01 00 01 80 0f 22 c0", // cr0: PG, WP, PE
    `ea ${int32(AT.code64)} 08 00`,
  ].join(" ");
}

function code64({ begin = "", body }: Workload, count: number): string {
  const distance = -(bytesOf(body).length + 3 + 6);
  return [
    `66 b8 ${DATA.toString(16)} 00 8e d8 8e c0 8e d0`,
    `bc ${int32(AT.stack)}`,
    `0f 01 1c 25 ${int32(AT.gdt + 0x30)}`, // lidt
    "41 0f 20 df", // mov r15, cr3
    begin,
    `b9 ${int32(count)}`,
    "b0 53 e6 e9", // S
    body,
    `48 ff c9 0f 85 ${int32(distance)}`, // dec rcx; jnz
    "b0 45 e6 e9", // E
    "b0 00 e6 f4 f4",
  ].join(" ");
}

function pointer(view: DataView, at: number, limit: number, base: number): void {
  view.setUint16(at - BASE, limit, true);
  view.setBigUint64(at - BASE + 2, BigInt(base), true);
}

function bytesOf(text: string): Uint8Array {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return Uint8Array.from(words, (word) => Number.parseInt(word, 16));
}
