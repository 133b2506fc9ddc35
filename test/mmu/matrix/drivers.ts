/**
 * What the access matrix drives: each driver translates the configuration's linear address under
 * given registers, over a physical memory of its own.
 */
import type { ModelProcessor } from "../model/processor.ts";
import { type MatrixConfig, RAM_BYTES } from "./config.ts";
import { ACCESSES } from "./contexts.ts";
import { accessCode, type RegisterValues, registersOf } from "./registers.ts";

/** The parts of src that are driven; a mutated copy of them has the same shape. */
export interface MmuModules {
  readonly PhysicalMemory: typeof import("../../../src/memory/physical-memory.ts").PhysicalMemory;
  readonly walk: typeof import("../../../src/mmu/walk.ts").walk;
  readonly pagingMode: typeof import("../../../src/mmu/paging-mode.ts").pagingMode;
  readonly mmuFeatures: typeof import("../../../src/mmu/features.ts").mmuFeatures;
  readonly Mmu: typeof import("../../../src/mmu/mmu.ts").Mmu;
  readonly noTlb: typeof import("../../../src/mmu/no-tlb.ts").noTlb;
  readonly SetAssociativeTlb: typeof import("../../../src/mmu/set-associative-tlb.ts").SetAssociativeTlb;
  readonly LazyTlb: typeof import("../../../src/mmu/lazy-tlb.ts").LazyTlb;
}

export type Memory = InstanceType<MmuModules["PhysicalMemory"]>;

export interface MatrixDriver {
  readonly name: string;
  readonly memory: Memory;
  /** Called once the tables are in place and before the first translation. */
  begin(cpu: ModelProcessor): void;
  select(cpu: ModelProcessor): void;
  /** Drivers that cache: called after the tables were changed behind their back. */
  tablesWritten?(): void;
  /** Translates for `ACCESSES[access]`; the results are in the fields below. */
  translate(access: number): void;
  fault: number;
  physical: number;
  pageBytes: number;
}

export type DriverFactory = (modules: MmuModules, config: MatrixConfig) => MatrixDriver;

const ACCESS_CODES = ACCESSES.map(accessCode);
/** Room for the directory of a 52-bit address space and the tables. */
const LINEAR_BYTES = 192 * 1024 * 1024;

export function matrixMemory(modules: MmuModules): Memory {
  const memory = new modules.PhysicalMemory({ linearBytes: LINEAR_BYTES });
  memory.mapRam(0, Number(RAM_BYTES));
  // RAM that was never written is slow to read, and all of it is read at the end.
  for (let at = 0; at < RAM_BYTES; at += 4096) memory.write32(at, 0);
  return memory;
}

export function featuresOf(modules: MmuModules, config: MatrixConfig) {
  return modules.mmuFeatures({
    maxPhyAddr: config.maxPhyAddr,
    gbPages: config.has1GBytePages,
    pse36: config.hasPse36,
  });
}

class ReferenceDriver implements MatrixDriver {
  readonly name = "reference walk";
  readonly memory: Memory;
  fault = 0;
  physical = 0;
  pageBytes = 0;
  readonly #modules: MmuModules;
  readonly #config: MatrixConfig;
  readonly #features: ReturnType<typeof featuresOf>;
  #registers: RegisterValues | undefined;

  constructor(modules: MmuModules, config: MatrixConfig) {
    this.#modules = modules;
    this.#config = config;
    this.#features = featuresOf(modules, config);
    this.memory = matrixMemory(modules);
  }

  begin(): void {}

  select(cpu: ModelProcessor): void {
    this.#registers = registersOf(cpu);
  }

  translate(access: number): void {
    const registers = this.#registers as RegisterValues;
    const mode = this.#modules.pagingMode(registers, this.#features);
    const code = ACCESS_CODES[access] as number;
    const found = this.#modules.walk(this.memory, mode, registers, this.#config.linear, code, {
      setAccessedDirty: true,
    });
    this.fault = found.fault;
    this.physical = found.physical;
    this.pageBytes = found.pageBytes;
  }
}

export const referenceDriver: DriverFactory = (modules, config) =>
  new ReferenceDriver(modules, config);

type Tlb = NonNullable<NonNullable<ConstructorParameters<MmuModules["Mmu"]>[1]>["tlb"]>;

class MmuDriver implements MatrixDriver {
  readonly name: string;
  readonly memory: Memory;
  fault = 0;
  physical = 0;
  pageBytes = 0;
  protected readonly mmu: InstanceType<MmuModules["Mmu"]>;
  readonly #linearHi: number;
  readonly #linearLo: number;

  constructor(modules: MmuModules, config: MatrixConfig, tlb: Tlb) {
    this.name = `Mmu with TLB "${tlb.name}"`;
    this.memory = matrixMemory(modules);
    this.mmu = new modules.Mmu(this.memory, { features: featuresOf(modules, config), tlb });
    this.#linearHi = Number(BigInt.asIntN(32, config.linear >> 32n));
    this.#linearLo = Number(BigInt.asIntN(32, config.linear));
  }

  /** Into the paging mode as software gets there: CR4, EFER, CR3, and CR0.PG last. */
  begin(cpu: ModelProcessor): void {
    const { cr0, cr3, cr4, efer } = registersOf(cpu);
    const mmu = this.mmu;
    const faults = [mmu.writeCr4(cr4), mmu.writeEfer(efer), mmu.writeCr3(cr3), mmu.writeCr0(cr0)];
    refuseFaults(faults);
  }

  select(cpu: ModelProcessor): void {
    const { cr0, cr4, efer, ac, pkru, pkrs } = registersOf(cpu);
    const mmu = this.mmu;
    refuseFaults([mmu.writeCr0(cr0), mmu.writeCr4(cr4), mmu.writeEfer(efer)]);
    mmu.ac = ac;
    mmu.pkru = pkru;
    mmu.pkrs = pkrs;
  }

  translate(access: number): void {
    const mmu = this.mmu;
    const code = ACCESS_CODES[access] as number;
    this.fault = mmu.translate(this.#linearHi, this.#linearLo, code);
    this.physical = mmu.physical;
    this.pageBytes = mmu.translation.pageBytes;
  }
}

/** With a TLB and paging-structure caches: INVLPG after each change, and A and D bits stay. */
class CachingDriver extends MmuDriver {
  readonly #linear: bigint;

  constructor(modules: MmuModules, config: MatrixConfig, tlb: Tlb) {
    super(modules, config, tlb);
    this.#linear = config.linear;
  }

  tablesWritten(): void {
    this.mmu.invlpg(this.#linear);
  }
}

function refuseFaults(faults: readonly number[]): void {
  if (faults.some((fault) => fault !== 0)) {
    throw new Error(`expected lawful register writes, got faults ${faults.join(" ")}`);
  }
}

/** The generated walk, by way of a TLB that never keeps anything. */
export const generatedDriver: DriverFactory = (modules, config) =>
  new MmuDriver(modules, config, modules.noTlb());

/** The generated walk with its paging-structure caches, and no TLB before it. */
export const upperCachesDriver: DriverFactory = (modules, config) => {
  const tlb = { ...modules.noTlb(), name: "paging-structure caches", upper: "generated" as const };
  return new CachingDriver(modules, config, tlb);
};

export const setAssociativeDriver: DriverFactory = (modules, config) =>
  new CachingDriver(modules, config, new modules.SetAssociativeTlb());

export const lazyDriver: DriverFactory = (modules, config) =>
  new CachingDriver(modules, config, new modules.LazyTlb());
