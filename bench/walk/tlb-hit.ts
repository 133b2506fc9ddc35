/** `walk/tlb-hit/*`: loads through the fast table, from inside generated code. */
import { MIB } from "../../src/base/units.ts";
import { hiOf, loOf } from "../../src/base/word64.ts";
import { PAGE_BYTES, PhysicalMemory } from "../../src/memory/index.ts";
import { READ, USER } from "../../src/mmu/access.ts";
import { CR0, CR4, EFER } from "../../src/mmu/control-bits.ts";
import { ENTRY } from "../../src/mmu/entry.ts";
import { emitFastProbe, FAST_CONTEXT } from "../../src/mmu/fast-table.ts";
import { Mmu } from "../../src/mmu/mmu.ts";
import { instantiate, ModuleBuilder } from "../../src/wasm/module-builder.ts";
import { MEM, OP } from "../../src/wasm/opcodes.ts";
import type { CCompiler } from "../harness/c-compiler.ts";
import { CProcess } from "../harness/c-process.ts";
import { type BenchCase, type BenchContext, type Trial, WrongAnswer } from "../harness/case.ts";
import { Random } from "../harness/random.ts";
import { bennySide } from "../harness/samplers.ts";

const FIRST_LINEAR = 0x7f00_0000_0000n;
const FIRST_FRAME = 16 * MIB;
const TABLES = MIB;
const INDEX_BITS = 10;

/** Pages of data; every one has its slot in the table. */
const PAGES = { l1: 4, l2: 64, l3: 1024 } as const;
const ADDRESSES = 4096;

/** What the loops compute: the sum of the words loaded, and how often the table had no entry. */
interface Hits {
  readonly sum: bigint;
  readonly misses: bigint;
}

class Loads {
  readonly pages: number;
  readonly #memory: PhysicalMemory;
  readonly #mmu: Mmu;
  readonly #streamHost: number;
  readonly #missesHost: number;
  readonly #loadBatch: (addresses: number, count: number) => bigint;
  #sum = 0n;

  constructor(pages: number) {
    this.pages = pages;
    this.#memory = new PhysicalMemory({ linearBytes: 256 * MIB });
    // Whole MiBs: a chunk that is not all RAM has no host address.
    this.#memory.mapRam(TABLES, FIRST_FRAME - TABLES + Math.ceil((pages * PAGE_BYTES) / MIB) * MIB);
    const { linear } = this.#memory;
    this.#streamHost = linear.reserve(ADDRESSES * 8);
    this.#missesHost = linear.reserve(8);
    mapPages(this.#memory, pages);
    this.#fillData();
    this.#mmu = new Mmu(this.#memory, { fastIndexBits: INDEX_BITS });
    this.#mmu.restoreRegisters({
      ...this.#mmu.registers.now,
      cr0: CR0.PE | CR0.WP | CR0.PG,
      cr3: BigInt(TABLES),
      cr4: CR4.PAE,
      efer: EFER.LME | EFER.LMA | EFER.NXE,
    });
    for (let page = 0; page < pages; page++) {
      const linear = FIRST_LINEAR + BigInt(page * PAGE_BYTES);
      const fault = this.#mmu.access(hiOf(linear), loOf(linear), READ | USER);
      if (fault !== 0) throw new WrongAnswer(`page ${page}: fault ${fault}`);
    }
    this.#loadBatch = loadBatch(this.#memory, this.#mmu, this.#missesHost);
  }

  run(): void {
    this.#sum = this.#loadBatch(this.#streamHost, ADDRESSES);
  }

  /** What one run computes. */
  hits(): Hits {
    this.run();
    const misses = this.#memory.linear.int32[this.#missesHost >>> 2] as number;
    return { sum: BigInt.asUintN(64, this.#sum), misses: BigInt(misses) };
  }

  async startC(compiler: CCompiler): Promise<CProcess> {
    const c = new CProcess(compiler.build("tlb-hit"));
    const data = new Uint8Array(this.pages * PAGE_BYTES);
    this.#memory.readBytes(FIRST_FRAME, data);
    const { bytes } = this.#memory.linear;
    const stream = bytes.subarray(this.#streamHost, this.#streamHost + ADDRESSES * 8);
    await c.start([FIRST_LINEAR, this.pages, ADDRESSES, INDEX_BITS], [data, stream]);
    return c;
  }

  /** Random data, and random addresses in it that are multiples of 8. */
  #fillData(): void {
    const random = new Random(0x71b);
    const data = new Uint32Array((this.pages * PAGE_BYTES) / 4).map(() => random.next());
    this.#memory.writeBytes(FIRST_FRAME, new Uint8Array(data.buffer));
    const stream = new BigUint64Array(this.#memory.linear.buffer, this.#streamHost, ADDRESSES);
    for (let i = 0; i < ADDRESSES; i++) {
      stream[i] = FIRST_LINEAR + BigInt(random.below((this.pages * PAGE_BYTES) / 8) * 8);
    }
  }
}

/** Four levels that map the pages one after the other, from FIRST_LINEAR and FIRST_FRAME on. */
function mapPages(memory: PhysicalMemory, pages: number): void {
  const bits = ENTRY.P | ENTRY.RW | ENTRY.US | ENTRY.A;
  const index = (shift: bigint) => Number((FIRST_LINEAR >> shift) & 511n) * 8;
  const [pdpt, pd, pt] = [TABLES + 0x1000, TABLES + 0x2000, TABLES + 0x3000];
  memory.write64(TABLES + index(39n), BigInt(pdpt) | bits);
  memory.write64(pdpt + index(30n), BigInt(pd) | bits);
  for (let table = 0; table < Math.ceil(pages / 512); table++) {
    memory.write64(pd + index(21n) + table * 8, BigInt(pt + table * PAGE_BYTES) | bits);
  }
  for (let page = 0; page < pages; page++) {
    memory.write64(pt + page * 8, BigInt(FIRST_FRAME + page * PAGE_BYTES) | bits | ENTRY.D);
  }
}

/** Generates the loop: probe, load, add; a miss is counted. */
function loadBatch({ linear }: PhysicalMemory, { fast }: Mmu, missesHost: number) {
  const module = new ModuleBuilder(linear.endBytes / 65536);
  module.function(
    { parameters: ["i32", "i32"], results: ["i64"] },
    (c) => {
      const [addresses, count] = [0, 1];
      const [va, sum] = [c.local("i64"), c.local("i64")];
      const [host, misses] = [c.local("i32"), c.local("i32")];
      const table = fast.tableAt(FAST_CONTEXT.user, READ);
      const again = c.loop();
      const next = c.block();
      c.get(addresses).mem(MEM.i64Load).set(va);
      emitFastProbe(
        c,
        fast,
        { va, host },
        8,
        () => c.i32(table),
        () => c.get(misses).i32(1).op(OP.i32Add).set(misses).br(next),
      );
      c.get(host).mem(MEM.i64Load).get(sum).op(OP.i64Add).set(sum);
      c.end();
      c.get(addresses).i32(8).op(OP.i32Add).set(addresses);
      c.get(count).i32(1).op(OP.i32Sub).tee(count).brIf(again);
      c.end();
      c.i32(missesHost).get(misses).mem(MEM.i32Store).get(sum);
    },
    "loadBatch",
  );
  type Exports = { loadBatch(addresses: number, count: number): bigint };
  return instantiate<Exports>(module.build(), linear.wasmMemory).loadBatch;
}

async function prepare({ compiler }: BenchContext, pages: number): Promise<Trial> {
  const loads = new Loads(pages);
  const c = compiler && (await loads.startC(compiler));
  return {
    ours: bennySide("pml5", ADDRESSES, () => loads.run()),
    baselines: c ? [c] : [],
    async check() {
      const ours = loads.hits();
      if (ours.misses !== 0n) throw new WrongAnswer(`misses: expected 0, got ${ours.misses}`);
      if (!c) return;
      const theirs = await c.results();
      const sum = theirs.readBigUInt64LE(0);
      if (sum !== ours.sum) throw new WrongAnswer(`sum: expected ${sum}, got ${ours.sum}`);
      if (theirs.readBigUInt64LE(8) !== 0n) throw new WrongAnswer("the C baseline missed");
    },
    close: () => c?.close(),
  };
}

export const tlbHitCases: readonly BenchCase[] = Object.entries(PAGES).map(([name, pages]) => ({
  name: `walk/tlb-hit/${name}/random/batch`,
  operation: "load",
  targets: [{ against: "C", atMost: 1.4 }],
  quick: name === "l2",
  prepare: (context) => prepare(context, pages),
}));
