/** Builds small ELF cores and page tables in memory, field by field from the ABI. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface BuiltCpu {
  readonly cr0?: bigint;
  readonly cr3: bigint;
  readonly cr4?: bigint;
  readonly rflags?: bigint;
}

export interface BuiltNote {
  readonly name: string;
  readonly type: number;
  readonly contents: Uint8Array;
}

export interface BuiltCore {
  readonly machine?: number;
  readonly cpus?: readonly BuiltCpu[];
  readonly notes?: readonly BuiltNote[];
  /** Physical ranges in the order of their headers. */
  readonly loads?: readonly { physical: bigint; bytes: Uint8Array; memoryBytes?: bigint }[];
}

export function qemuNote({
  cr0 = 0x80050033n,
  cr3,
  cr4 = 0x6f0n,
  rflags = 2n,
}: BuiltCpu): BuiltNote {
  const contents = new Uint8Array(440);
  const view = new DataView(contents.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, 440, true);
  view.setBigUint64(8 + 16 * 8, 0xffff_ffff_8100_0000n, true);
  view.setBigUint64(144, rflags, true);
  view.setUint32(152, 0x10, true);
  view.setBigUint64(392, cr0, true);
  view.setBigUint64(416, cr3, true);
  view.setBigUint64(424, cr4, true);
  return { name: "QEMU", type: 0, contents };
}

export function noteBytes(notes: readonly BuiltNote[]): Uint8Array {
  const pad = (n: number) => Math.ceil(n / 4) * 4;
  const parts: number[] = [];
  for (const { name, type, contents } of notes) {
    const head = new Uint8Array(12 + pad(name.length + 1) + pad(contents.length));
    const view = new DataView(head.buffer);
    view.setUint32(0, name.length + 1, true);
    view.setUint32(4, contents.length, true);
    view.setUint32(8, type, true);
    head.set(new TextEncoder().encode(name), 12);
    head.set(contents, 12 + pad(name.length + 1));
    parts.push(...head);
  }
  return Uint8Array.from(parts);
}

/** A 64-bit core: header, program headers, notes, then each load at a multiple of 4 KiB. */
export function buildCore(core: BuiltCore): Uint8Array<ArrayBuffer> {
  const loads = core.loads ?? [];
  const notes = noteBytes([...(core.cpus ?? []).map(qemuNote), ...(core.notes ?? [])]);
  const notesAt = 64 + 56 * (loads.length + 1);
  let end = Math.ceil((notesAt + notes.length) / 4096) * 4096;
  const places = loads.map(({ bytes }) => {
    const at = end;
    end += Math.ceil(bytes.length / 4096) * 4096;
    return at;
  });
  const file = new Uint8Array(end);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 4, true);
  view.setUint16(18, core.machine ?? 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, loads.length + 1, true);
  const header = (index: number, type: number, fields: readonly bigint[]) => {
    view.setUint32(64 + 56 * index, type, true);
    fields.forEach((value, i) => {
      view.setBigUint64(64 + 56 * index + 8 + 8 * i, value, true);
    });
  };
  // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
  header(0, 4, [BigInt(notesAt), 0n, 0n, BigInt(notes.length), BigInt(notes.length), 0n]);
  file.set(notes, notesAt);
  loads.forEach(({ physical, bytes, memoryBytes }, i) => {
    const size = BigInt(bytes.length);
    header(i + 1, 1, [BigInt(places[i] ?? 0), 0n, physical, size, memoryBytes ?? size, 0n]);
    file.set(bytes, places[i]);
  });
  return file;
}

/** Sparse physical memory to write tables into, a frame at a time. */
export class Frames {
  readonly #frames = new Map<number, Uint8Array<ArrayBuffer>>();

  set(table: number, index: number, entry: bigint): this {
    new DataView(this.#frame(table).buffer).setBigUint64(index * 8, entry, true);
    return this;
  }

  set32(table: number, index: number, entry: number): this {
    new DataView(this.#frame(table).buffer).setUint32(index * 4, entry, true);
    return this;
  }

  fill(table: number, entry: (index: number) => bigint): this {
    for (let index = 0; index < 512; index++) this.set(table, index, entry(index));
    return this;
  }

  get loads(): { physical: bigint; bytes: Uint8Array }[] {
    const sorted = [...this.#frames].sort(([a], [b]) => a - b);
    return sorted.map(([physical, bytes]) => ({ physical: BigInt(physical), bytes }));
  }

  #frame(table: number): Uint8Array<ArrayBuffer> {
    const base = table - (table % 4096);
    const frame = this.#frames.get(base) ?? new Uint8Array(4096);
    this.#frames.set(base, frame);
    return frame;
  }
}

/** Runs `use` with the path of a temporary file of these bytes. */
export async function withFile<T>(
  bytes: Uint8Array,
  use: (path: string) => Promise<T> | T,
  name = "dump.elf",
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "pml5-test-"));
  try {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
