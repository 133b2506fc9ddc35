/** pml5's side: a processor at CPL 3 in 64-bit or compatibility mode with the same pages as the native program. */
import type { Cpu } from "../../src/cpu/cpu.ts";
import { errorCodeOf, VECTOR, vectorOf } from "../../src/cpu/faults.ts";
import { CELL, CS, DS, ES, FS, GPR, GS, SS, TR } from "../../src/cpu/layout.ts";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { CR4 } from "../../src/mmu/control-bits.ts";
import { AT, Guest } from "../support/guest.ts";
import {
  CASE,
  type CaseMode,
  CODE_MAX_BYTES,
  COMPARED_FLAGS,
  newResults,
  PAGE_BYTES,
  PLACE,
  RESULT,
  type Records,
  readOnlyByte,
  WINDOW_BYTES,
  writableBytes,
} from "./cases.ts";
import { loadVectors, saveVectors } from "./vector-state.ts";

/** Physical addresses. */
const CODE_FRAME = 0x40000;
const DATA_FRAME = 0x48000;
const CODE_TABLE = 0x50000;
const DATA_TABLE = 0x51000;

const WRITABLE_BYTES = PLACE.readOnly - PLACE.data;
const ENTRY = 7n;
const NO_EXECUTE = 1n << 63n;
const READ_ONLY = 5n;
const INT3 = 0xcc;
const GPR_BYTES = 128;
/** Instructions and iterations after which a case is given up: more than the pages have bytes. */
const MAX_STEPS = 50_000;
/** Interrupts are on, and reading RFLAGS shows bit 1. */
const FIXED_FLAGS = 0x202;

export class Emulated {
  readonly cpu: Cpu;
  readonly #memory: PhysicalMemory;
  readonly #bytes: Uint8Array;
  /** Host addresses of the state and of the data pages. */
  readonly #state: number;
  readonly #data: number;
  readonly #zeros = new Uint8Array(WRITABLE_BYTES);
  readonly #codePage = new Uint8Array(PAGE_BYTES).fill(INT3);
  readonly #int3 = new Uint8Array(CODE_MAX_BYTES).fill(INT3);

  constructor() {
    const guest = new Guest().longMode();
    const { memory, cpu } = guest;
    this.cpu = cpu;
    this.#memory = memory;
    this.#bytes = memory.linear.bytes;
    this.#state = cpu.state.base;
    mapPages(memory);
    const data = new Uint8Array(3 * PAGE_BYTES);
    for (let i = 0; i < PAGE_BYTES; i++) data[WRITABLE_BYTES + i] = readOnlyByte(i);
    memory.writeBytes(DATA_FRAME, data);
    this.#data = memory.hostForWrite(DATA_FRAME);
    mmuForUser(cpu);
  }

  run(cases: Records, vectors: boolean): Records {
    const results = newResults(cases, vectors);
    setMode(this.cpu, cases.mode);
    // As fresh as the native program's, which starts anew for each batch.
    this.#memory.writeBytes(CODE_FRAME, this.#codePage);
    for (let index = 0; index < cases.count; index++) this.#runOne(cases, index, results, vectors);
    return results;
  }

  #runOne(cases: Records, index: number, results: Records, vectors: boolean): void {
    const { cpu } = this;
    const at = cases.at(index);
    const to = results.at(index);
    const { bytes, view } = cases;
    const length = bytes[at + CASE.length] as number;
    const windowAt = view.getUint32(at + CASE.windowAt, true);
    const window = this.#data + windowAt - PLACE.data;
    const writable = writableBytes(windowAt);
    this.#bytes.set(bytes.subarray(at + CASE.window, at + CASE.window + writable), window);
    this.#memory.writeBytes(PLACE.code - PLACE.codePage + CODE_FRAME, this.#int3);
    const code = bytes.subarray(at + CASE.code, at + CASE.code + length);
    this.#memory.writeBytes(PLACE.code - PLACE.codePage + CODE_FRAME, code);
    this.#bytes.set(bytes.subarray(at + CASE.gpr, at + CASE.gpr + GPR_BYTES), this.#state + GPR);
    cpu.setFlags(view.getUint32(at + CASE.flags, true) | FIXED_FLAGS);
    if (vectors) loadVectors(cpu, bytes.subarray(at + CASE.fx));
    cpu.state.rip = BigInt(PLACE.code);
    this.#step(PLACE.code + length);
    this.#saveOutcome(results.view, to);
    results.bytes.set(
      this.#bytes.subarray(this.#state + GPR, this.#state + GPR + GPR_BYTES),
      to + RESULT.gpr,
    );
    results.bytes.set(this.#bytes.subarray(window, window + WINDOW_BYTES), to + RESULT.window);
    this.#bytes.fill(0, window, window + writable);
    this.#saveStray(results.view, to);
    if (vectors) saveVectors(cpu, results.bytes.subarray(to + RESULT.fx));
  }

  /** Runs up to the end of the code, an INT3 elsewhere, or a fault. */
  #step(end: number): void {
    const { engine, state } = this.cpu;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      engine.step();
      if (state.get32(CELL.fault) !== 0) return;
      const rip = state.get32(CELL.rip) >>> 0;
      if (state.get32(CELL.rip + 4) !== 0) continue;
      if (rip === end) return;
      const offset = rip - PLACE.codePage;
      if (offset < 0 || offset >= PAGE_BYTES) continue;
      if (this.#memory.read8(CODE_FRAME + offset) === INT3) return;
    }
  }

  #saveOutcome(view: DataView, to: number): void {
    const { state, mmu } = this.cpu;
    const fault = state.get32(CELL.fault);
    const vector = fault === 0 ? -1 : vectorOf(fault);
    view.setInt32(to + RESULT.trap, vector, true);
    view.setUint32(to + RESULT.error, fault === 0 ? 0 : errorCodeOf(fault), true);
    view.setBigUint64(to + RESULT.rip, state.rip, true);
    view.setBigUint64(to + RESULT.cr2, vector === VECTOR.PF ? mmu.faultLinear : 0n, true);
    view.setBigUint64(to + RESULT.flags, BigInt(state.flags & COMPARED_FLAGS), true);
  }

  #saveStray(view: DataView, to: number): void {
    const pages = this.#bytes.subarray(this.#data, this.#data + WRITABLE_BYTES);
    let stray = -1;
    let value = 0n;
    if (Buffer.compare(pages, this.#zeros) !== 0) {
      const words = new DataView(pages.buffer, pages.byteOffset, WRITABLE_BYTES);
      for (stray = 0; words.getBigUint64(stray, true) === 0n; stray += 8);
      value = words.getBigUint64(stray, true);
      pages.fill(0);
    }
    view.setInt32(to + RESULT.stray, stray, true);
    view.setBigUint64(to + RESULT.strayValue, value, true);
  }
}

function mapPages(memory: PhysicalMemory): void {
  // Nothing is mapped at the bottom, as for a Linux process; the tables are reached physically.
  memory.write64(AT.pd, 0n);
  mapPage(memory, CODE_TABLE, PLACE.codePage, BigInt(CODE_FRAME) | ENTRY);
  for (let page = 0; page < 3; page++) {
    const offset = page * PAGE_BYTES;
    const rights = (page === 2 ? READ_ONLY : ENTRY) | NO_EXECUTE;
    mapPage(memory, DATA_TABLE, PLACE.data + offset, BigInt(DATA_FRAME + offset) | rights);
  }
}

function mapPage(memory: PhysicalMemory, table: number, linear: number, entry: bigint): void {
  memory.write64(AT.pd + (linear >> 21) * 8, BigInt(table) | ENTRY);
  memory.write64(table + ((linear >> 12) & 511) * 8, entry);
}

function mmuForUser(cpu: Cpu): void {
  const { state, mmu } = cpu;
  mmu.writeCr4(mmu.cr4 | CR4.OSXMMEXCPT);
  // A TSS without I/O permission bitmap: ports are #GP(0).
  state.setSegment(TR, { selector: 0x40, base: 0n, limit: 0x60, rights: 0x8b });
}

const FLAT = { base: 0n, limit: 0xffff_ffff };
const DATA_SEGMENT = { selector: 0x2b, rights: 0xc0f3, ...FLAT };
const NO_SEGMENT = { selector: 0, base: 0n, limit: 0, rights: 0 };

/** Segments as Linux gives them to a process; DS and ES as the native program loads them. */
function setMode(cpu: Cpu, mode: CaseMode): void {
  const { state } = cpu;
  const code =
    mode === 64 ? { selector: 0x33, rights: 0xa0fb } : { selector: 0x23, rights: 0xc0fb };
  state.setSegment(CS, { ...code, ...FLAT });
  state.setSegment(SS, DATA_SEGMENT);
  for (const index of [ES, DS]) state.setSegment(index, mode === 64 ? NO_SEGMENT : DATA_SEGMENT);
  for (const index of [FS, GS]) state.setSegment(index, NO_SEGMENT);
  state.setSegmentBase(GS, BigInt(PLACE.gsBase));
  cpu.cpl = 3;
  cpu.modeChanged();
}
