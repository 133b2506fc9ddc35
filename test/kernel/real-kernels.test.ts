/**
 * What real kernels were seen to do: 6.1 with and without the guard at free_pud_table(), 256 MiB
 * of boot memory, a DIMM of 256 MiB at 512 GiB, no KASLR.
 */
import { describe, expect, it } from "vitest";
import { GIB, MIB, TIB } from "../../src/base/units.ts";
import { bootKernel } from "../../src/kernel/boot.ts";
import { memremapPages } from "../../src/kernel/device-memory.ts";
import { dumpRanges, sizeText } from "../../src/kernel/dump.ts";
import { addMemory, plugDimm, removeMemory } from "../../src/kernel/hotplug.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { createProcess } from "../../src/kernel/process.ts";
import type { Depth, KernelRecord } from "../../src/kernel/record.ts";
import { kernelNamed } from "../../src/kernel/records.ts";

const GUARDED: KernelRecord = { ...kernelNamed("v6.17"), name: "6.1.192" };
const UNGUARDED: KernelRecord = { ...GUARDED, name: "6.1.192-unguarded", freesPudTable: "always" };
const UNPUBLISHED: KernelRecord = {
  ...GUARDED,
  name: "6.1.192-mask-0",
  publishesVmemmap: { atPopulate: false, afterwards: true },
};

const DIMM = 512 * GIB;
const BYTES = 256 * MIB;

interface Machine {
  allocator?: string;
  gbPages?: boolean;
  debugVm?: boolean;
}

function boot(kernel: KernelRecord, levels: Depth, options: Machine = {}): Kernel {
  const k = bootKernel({ kernel, levels, built: 5, linearBytes: 512 * MIB, ...options });
  createProcess(k);
  createProcess(k);
  return k;
}

const add = (k: Kernel, start = DIMM, bytes = BYTES) =>
  k.operation("add", () => addMemory(k, start, bytes));
const remove = (k: Kernel, start = DIMM, bytes = BYTES) =>
  k.operation("remove", () => removeMemory(k, start, bytes));

/** Lines of the dump of the kernel half, as `size level start`. */
function lines(k: Kernel): string[] {
  return dumpRanges(k).map(
    ({ pages, level, start, flags }) =>
      `${sizeText(pages)} ${level} ${flags === null ? "hole" : "map"} ${start.toString(16)}`,
  );
}

describe("6.1 without its guard, 4 levels", () => {
  it("hits the BUG in sync_global_pgds when processes were forked in between", () => {
    const k = boot(UNGUARDED, 4);
    plugDimm(k, DIMM, BYTES);
    add(k);
    remove(k);
    createProcess(k);
    const { bug } = add(k);
    expect(bug?.kind).toBe("BUG");
    expect(bug?.address).toBe(0xffff890000000000n);
    expect(bug?.trace).toEqual([
      "sync_global_pgds",
      "__kernel_physical_mapping_init",
      "kernel_physical_mapping_init",
      "init_memory_mapping",
      "arch_add_memory",
      "add_memory_resource",
      "__add_memory",
    ]);
  });

  it("passes when nothing was allocated in between: the freed frame comes back", () => {
    const k = boot(UNGUARDED, 4);
    plugDimm(k, DIMM, BYTES);
    expect([add(k), remove(k), add(k)].map(({ errno, bug }) => [errno, bug])).toEqual([
      [0, undefined],
      [0, undefined],
      [0, undefined],
    ]);
  });

  it("shows a hole of 64T at level pgd after the removal", () => {
    const k = boot(UNGUARDED, 4);
    plugDimm(k, DIMM, BYTES);
    add(k);
    remove(k);
    expect(lines(k)).toContain("64T pgd hole ffff890000000000");
  });
});

describe.each([
  ["with the guard, 4 levels", GUARDED, 4],
  ["with the guard, 5 levels", GUARDED, 5],
  ["without the guard, 5 levels", UNGUARDED, 5],
] as const)("6.1 %s", (_name, kernel, levels) => {
  it("passes two cycles with processes forked in between", () => {
    const k = boot(kernel, levels);
    plugDimm(k, DIMM, BYTES);
    for (let cycle = 0; cycle < 2; cycle++) {
      expect(add(k)).toMatchObject({ errno: 0, bug: undefined });
      expect(remove(k)).toMatchObject({ errno: 0, bug: undefined });
      createProcess(k);
    }
  });
});

describe("The page-table dump of 6.1, 4 levels", () => {
  it("shows 2M leaves, a 768M hole at pmd and a 511G hole at pud after the add", () => {
    const k = boot(GUARDED, 4);
    plugDimm(k, DIMM, BYTES);
    add(k);
    const at = lines(k).indexOf("256M pmd map ffff890000000000");
    expect(lines(k).slice(at, at + 3)).toEqual([
      "256M pmd map ffff890000000000",
      "768M pmd hole ffff890010000000",
      "511G pud hole ffff890040000000",
    ]);
  });

  it("shows a 1023G hole at pud after the removal: the empty PUD table is kept", () => {
    const k = boot(GUARDED, 4);
    plugDimm(k, DIMM, BYTES);
    add(k);
    remove(k);
    expect(lines(k)).toContain("1023G pud hole ffff888040000000");
  });

  it("shows the memmap's 1020M hole at pmd after the add, and 511G at pud after the removal", () => {
    const k = boot(GUARDED, 4);
    plugDimm(k, DIMM, BYTES);
    add(k);
    expect(lines(k)).toContain("1020M pmd hole ffffea0000400000");
    expect(lines(k)).toContain("4M pmd map ffffea0200000000");
    remove(k);
    expect(lines(k)).toContain("1020M pmd hole ffffea0000400000");
    expect(lines(k)).toContain("511G pud hole ffffea0040000000");
  });
});

describe("The page-table dump of 6.1, 5 levels", () => {
  it.each([GUARDED, UNGUARDED])("shows 261632G at p4d after the removal ($name)", (kernel) => {
    const k = boot(kernel, 5);
    plugDimm(k, DIMM, BYTES);
    add(k);
    expect(lines(k)).toContain("256M pmd map ff11008000000000");
    remove(k);
    expect(lines(k)).toContain("261632G p4d hole ff11008000000000");
  });
});

describe("Device memory at 32 TiB with compound memmap", () => {
  const device = (k: Kernel) =>
    k.operation("memremap_pages", () => memremapPages(k, 32 * TIB, BYTES, { vmemmapShift: 9 }));
  const run = (kernel: KernelRecord, levels: Depth) => {
    const k = boot(kernel, levels, { debugVm: true });
    k.processor.switchMm(k.pgdList[0] ?? k.initMm);
    plugDimm(k, 32 * TIB, BYTES);
    return k;
  };

  it("without publishing at populate, 4 levels: a write to struct pages is not translated", () => {
    const k = run(UNPUBLISHED, 4);
    const { bug } = device(k);
    expect(bug).toMatchObject({ kind: "oops", address: 0xffffea8000000000n, errorCode: 2 });
    expect(bug?.text).toContain("PGD 0 P4D 0");
    expect(bug?.trace).toEqual([
      "page_init_poison",
      "sparse_add_section",
      "__add_pages",
      "add_pages",
      "arch_add_memory",
      "memremap_pages",
    ]);
  });

  it.each([
    ["without publishing, 5 levels", UNPUBLISHED, 5],
    ["with publishing, 4 levels", GUARDED, 4],
  ] as const)("passes %s", (_name, kernel, levels) => {
    expect(device(run(kernel, levels))).toMatchObject({ errno: 0, bug: undefined });
  });

  it("passes as a plain DIMM: the synchronisation at the end of populate comes in time", () => {
    const k = run(UNPUBLISHED, 4);
    expect(add(k, 32 * TIB)).toMatchObject({ errno: 0, bug: undefined });
  });
});

describe("Removing a part of a 1 GiB leaf", () => {
  const gib = (kernel: KernelRecord, levels: Depth, options: Machine = {}) => {
    const k = boot(kernel, levels, options);
    plugDimm(k, DIMM, GIB);
    add(k, DIMM, GIB);
    return k;
  };
  const mapped = (k: Kernel, physical: number) =>
    k.processor.mmu.load(k.layout.directAddress(physical), 8) === 0;

  it.each([
    [4, 0xffffea0200000000n],
    [5, 0xffd4000200000000n],
  ] as const)("oopses for its first section, %i levels", (levels, address) => {
    const k = gib(GUARDED, levels);
    const { bug } = remove(k, DIMM, 128 * MIB);
    expect(bug).toMatchObject({ kind: "oops", address });
    // Linux inlines what stands between these two.
    expect(bug?.trace.filter((name) => name !== "free_pmd_table")).toEqual([
      "free_pagetable",
      "remove_pagetable",
      "arch_remove_memory",
      "try_remove_memory",
    ]);
  });

  it("unmaps the whole GiB for a later section", () => {
    const k = gib(GUARDED, 4);
    expect(remove(k, DIMM + 512 * MIB, 128 * MIB)).toMatchObject({ errno: 0, bug: undefined });
    expect([DIMM, DIMM + 896 * MIB].map((at) => mapped(k, at))).toEqual([false, false]);
  });

  it("passes with 2M leaves", () => {
    const k = gib(GUARDED, 4, { gbPages: false });
    expect(remove(k, DIMM, 128 * MIB)).toMatchObject({ errno: 0, bug: undefined });
    expect([DIMM, DIMM + 128 * MIB].map((at) => mapped(k, at))).toEqual([false, true]);
  });

  it("splits the leaf first on the right kernel", () => {
    const k = gib(kernelNamed("right"), 4);
    expect(remove(k, DIMM, 128 * MIB)).toMatchObject({ errno: 0, bug: undefined });
    expect([DIMM, DIMM + 128 * MIB, DIMM + 896 * MIB].map((at) => mapped(k, at))).toEqual([
      false,
      true,
      true,
    ]);
  });
});
