/** Page tables, a stream of addresses, and both sides ready to walk them. */
import { MIB } from "../../src/base/units.ts";
import { READ, USER, WRITE } from "../../src/mmu/access.ts";
import { CR0, CR4, EFER, type PagingRegisters } from "../../src/mmu/control-bits.ts";
import { mmuFeatures } from "../../src/mmu/features.ts";
import { type PagingMode, pagingMode } from "../../src/mmu/paging-mode.ts";
import { rightsTest } from "../../src/mmu/rights.ts";
import { walk } from "../../src/mmu/walk.ts";
import type { CCompiler } from "../harness/c-compiler.ts";
import { CProcess } from "../harness/c-process.ts";
import { type Closable, WrongAnswer } from "../harness/case.ts";
import { type Shape, SIZES } from "./shape.ts";
import { fillStream } from "./stream.ts";
import { buildTables, MAXPHYADDR, type Tables } from "./tables.ts";

/** Both sides mark a fault in a result like this, with the fault (mmu/fault.ts) in the low bits. */
const FAULT = 1n << 63n;
/** As many results are compared between the sides ... */
const CHECKED = 262144;
/** ... and as many with the reference walk, which is slow. */
const CHECKED_WITH_REFERENCE = 1024;

/** In results: `code`, the fault itself beside the mark; `mark`, all ones. */
export type FaultsAs = "code" | "mark";

/** Writes a result as the C baseline does. */
export function setResult(results: DataView, index: number, fault: number, physical: number): void {
  const word = fault ? FAULT | BigInt(fault) : BigInt(physical);
  results.setBigUint64(index * 8, word, true);
}

export class Scene implements Closable {
  readonly shape: Shape;
  readonly tables: Tables;
  readonly registers: PagingRegisters;
  readonly mode: PagingMode;
  readonly access: number;
  readonly window: number;
  readonly addressCount: number;
  /** Host addresses of the stream and of one window's results. */
  readonly streamHost: number;
  readonly resultsHost: number;
  readonly c: CProcess | undefined;
  /** The tables before any walk, if walks change them. */
  readonly pristine: Uint8Array | undefined;

  private constructor(shape: Shape, compiler: CCompiler | undefined) {
    const { addresses, window } = SIZES[shape.footprint];
    this.shape = shape;
    this.tables = buildTables(shape, (addresses + window) * 8);
    this.registers = {
      cr0: CR0.PE | CR0.WP | CR0.PG,
      cr3: BigInt(this.tables.root),
      cr4: CR4.PAE | CR4.PGE | (shape.levels === 5 ? CR4.LA57 : 0),
      efer: EFER.LME | EFER.LMA | EFER.NXE,
      ac: false,
      pkru: 0,
      pkrs: 0,
      pdptes: [],
    };
    this.mode = pagingMode(this.registers, mmuFeatures({ maxPhyAddr: MAXPHYADDR }));
    this.access = (shape.clearAccessedDirty ? WRITE : READ) | USER;
    this.window = window;
    this.addressCount = addresses;
    const { linear } = this.tables.memory;
    this.streamHost = linear.reserve(addresses * 8);
    this.resultsHost = linear.reserve(window * 8);
    fillStream(shape, new Uint32Array(linear.buffer, this.streamHost, addresses * 2));
    this.pristine = shape.clearAccessedDirty ? this.image() : undefined;
    this.c = compiler && startC(compiler, shape.levels);
  }

  static async open(shape: Shape, compiler: CCompiler | undefined): Promise<Scene> {
    const scene = new Scene(shape, compiler);
    await scene.c?.start(scene.#header(), scene.#input());
    if (scene.c) scene.#checkWithReference(await scene.c.results());
    return scene;
  }

  close(): void {
    this.c?.close();
  }

  /** How many results both sides hand over: whole windows. */
  get checkCount(): number {
    return Math.min(this.addressCount, CHECKED);
  }

  /** The physical memory from 0 to the end of the tables. */
  image(): Uint8Array {
    const bytes = new Uint8Array(this.tables.end);
    this.tables.memory.readBytes(0, bytes);
    return bytes;
  }

  /** Clears what walks have set. */
  reset(): void {
    if (this.pristine === undefined) return;
    const first = this.tables.root;
    this.tables.memory.writeBytes(first, this.pristine.subarray(first));
  }

  /** The linear address at an index of the stream. */
  addressAt(index: number): bigint {
    const { buffer } = this.tables.memory.linear;
    return new DataView(buffer).getBigUint64(this.streamHost + index * 8, true);
  }

  /** @throws WrongAnswer unless our results (and the tables after them) are those of C */
  async compare(ours: Uint8Array, faultsAs: FaultsAs): Promise<void> {
    if (this.c === undefined) return;
    const theirs = await this.c.results();
    if (faultsAs === "mark") markFaults(theirs, this.checkCount);
    const at = Buffer.compare(theirs, ours) === 0 ? -1 : firstDifference(theirs, ours);
    if (at < 0) return;
    const what = at < this.checkCount * 8 ? `result ${at >> 3}` : "the tables after the walks";
    throw new WrongAnswer(`${what}: expected ${word(theirs, at)}, got ${word(ours, at)}`);
  }

  #header(): (number | bigint)[] {
    const test = rightsTest(this.registers, this.mode, this.access);
    return [
      this.tables.end,
      this.tables.root,
      this.access,
      test.mask,
      test.want,
      test.deniedUserKeys,
      test.deniedSupervisorKeys,
      this.addressCount,
      this.window,
      this.checkCount,
      this.pristine ? 1 : 0,
    ];
  }

  *#input(): Iterable<Uint8Array> {
    const { memory, end } = this.tables;
    for (let at = 0; at < end; at += MIB) {
      const piece = new Uint8Array(Math.min(MIB, end - at));
      memory.readBytes(at, piece);
      yield piece;
    }
    yield memory.linear.bytes.subarray(this.streamHost, this.streamHost + this.addressCount * 8);
  }

  /** The specification has the last word: C is held to the reference walk first. */
  #checkWithReference(results: Buffer): void {
    for (let i = 0; i < Math.min(this.checkCount, CHECKED_WITH_REFERENCE); i++) {
      const linear = this.addressAt(i);
      const { memory } = this.tables;
      const found = walk(memory, this.mode, this.registers, linear, this.access);
      const expected = found.fault ? FAULT | BigInt(found.fault) : BigInt(found.physical);
      const got = results.readBigUInt64LE(i * 8);
      if (got !== expected) {
        throw new WrongAnswer(`C, address ${i} (${linear}): expected ${expected}, got ${got}`);
      }
    }
  }
}

function startC(compiler: CCompiler, levels: number): CProcess {
  return new CProcess(compiler.build("walk", { LEVELS: levels, MAXPHYADDR }));
}

function markFaults(results: Buffer, count: number): void {
  for (let i = 0; i < count; i++) {
    if ((results[i * 8 + 7] ?? 0) & 0x80) results.fill(0xff, i * 8, i * 8 + 8);
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return a.findIndex((byte, i) => byte !== b[i]);
}

/** The 64-bit word at or around an offset, in hexadecimal. */
function word(bytes: Uint8Array, offset: number): string {
  const at = offset & ~7;
  if (at + 8 > bytes.length) return "nothing";
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return `0x${view.getBigUint64(at, true).toString(16)}`;
}
