import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/base/units.ts";
import { entryOf } from "../../src/kernel/direct-map.ts";
import { addMemory, plugDimm, removeMemory } from "../../src/kernel/hotplug.ts";
import { destroyProcess } from "../../src/kernel/process.ts";
import { userWrite } from "../../src/kernel/user/access.ts";
import { fork } from "../../src/kernel/user/fork.ts";
import { mmap } from "../../src/kernel/user/mmap.ts";
import { vfree, vmalloc } from "../../src/kernel/vmalloc.ts";
import { done, start, world } from "./user/support.ts";

const AT = 512 * GIB;
const BYTES = 128 * MIB;

describe.each([4, 5] as const)("Checked mode, %i levels", (levels) => {
  it("finds every table of the right kernel in the direct map", () => {
    const { k, run } = world({ levels, checked: true, linearBytes: 512 * MIB });
    plugDimm(k, AT, BYTES);
    const mm = start(k);
    run("add", () => addMemory(k, AT, BYTES));
    run(
      "process",
      done(() => {
        mmap(k, mm, 0x400000n, 16384, "rw-");
        userWrite(k, 0x400000n, 1n);
        const child = fork(k, mm);
        if (child) destroyProcess(k, child);
      }),
    );
    run(
      "vmalloc",
      done(() => vfree(k, vmalloc(k, 8192) ?? 0n)),
    );
    expect(run("remove", () => removeMemory(k, AT, BYTES)).errno).toBe(0);
  });

  it("oopses where a table is not to be reached, as Linux would", () => {
    const { k } = world({ levels, checked: true });
    const top = k.initMm.physical;
    const found = entryOf(k, k.layout.directPage(top), 2) ?? { table: 0, index: 0 };
    // The boot tables lie behind the image; their 2 MiB are taken out of the direct map.
    k.tables.clear(found.table, found.index, 2);
    const result = k.operation(
      "vmalloc",
      done(() => vmalloc(k, 4096)),
    );
    expect(result.bug).toMatchObject({ kind: "oops", address: k.layout.directAddress(top) });
    expect(result.bug?.errorCode).toBe(0);
  });

  it("stops where the direct map leads elsewhere", () => {
    const { k } = world({ levels, checked: true });
    const mm = start(k);
    const found = entryOf(k, k.layout.directPage(mm.physical), 2) ?? { table: 0, index: 0 };
    const { hi, lo } = {
      hi: k.tables.hi(found.table, found.index),
      lo: k.tables.lo(found.table, found.index),
    };
    k.tables.set(found.table, found.index, 2, hi, lo ^ 0x200000);
    const result = k.operation(
      "mmap",
      done(() => {
        mmap(k, mm, 0x400000n, 4096, "rw-");
        userWrite(k, 0x400000n, 1n);
      }),
    );
    expect(result.bug).toMatchObject({
      kind: "BUG",
      condition: "direct map leads elsewhere",
      address: k.layout.directAddress(mm.physical),
    });
  });
});
