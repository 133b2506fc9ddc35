import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../src/base/units.ts";
import { Checker } from "../../src/check/checker.ts";
import { type BootOptions, bootKernel } from "../../src/kernel/boot.ts";
import { EBUSY, EINTR, EINVAL, ENOMEM } from "../../src/kernel/bug.ts";
import {
  addMemory,
  offlineAndRemoveMemory,
  plugDimm,
  removeMemory,
} from "../../src/kernel/hotplug.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import {
  blockAt,
  memoryBlockBytes,
  offlineBlock,
  onlineBlock,
} from "../../src/kernel/memory-block.ts";
import { KernelView } from "../../src/kernel/view.ts";

const AT = 512 * GIB;
const BLOCK = 128 * MIB;

function boot(options: BootOptions = {}) {
  const k = bootKernel({ levels: 4, linearBytes: 512 * MIB, ...options });
  plugDimm(k, AT, 2 * GIB);
  return k;
}
const run = (k: Kernel, body: () => number) => k.operation("it", body);
const user = (owner: string) => ({ kind: "user", owner }) as const;

describe("The size of memory blocks", () => {
  it.each([
    ["128 MiB below 64 GiB of RAM", 63 * GIB, false, BLOCK],
    ["2 GiB on large machines", 64 * GIB, false, 2 * GIB],
    ["2 GiB in a virtual machine whose RAM ends there", 64 * GIB, true, 2 * GIB],
    ["what divides the end in a virtual machine", 64 * GIB + 512 * MIB, true, 512 * MIB],
  ] as const)("is %s", (_name, end, hypervisor, bytes) => {
    expect(memoryBlockBytes(end, hypervisor)).toBe(bytes);
  });

  it("is the unit in which memory is added", () => {
    const k = boot({ blockBytes: GIB });
    expect(run(k, () => addMemory(k, AT, 512 * MIB)).errno).toBe(EINVAL);
    expect(run(k, () => addMemory(k, AT, GIB)).errno).toBe(0);
    expect(run(k, () => onlineBlock(k, AT)).errno).toBe(0);
    expect(k.frames.zone("Normal").freeFrames).toBe(GIB / 4096);
  });
});

describe("Onlining", () => {
  it("goes to the zone of the address, or to Movable", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, 3 * BLOCK));
    run(k, () => onlineBlock(k, AT, "online"));
    run(k, () => onlineBlock(k, AT + BLOCK, "online_kernel"));
    run(k, () => onlineBlock(k, AT + 2 * BLOCK, "online_movable"));
    expect(k.frames.zone("Normal").freeFrames).toBe((2 * BLOCK) / 4096);
    expect(k.frames.zone("Movable").freeFrames).toBe(BLOCK / 4096);
  });

  it("writes whole struct pages: zone, list, map count and reference count", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, BLOCK));
    const page = AT + 5 * 4096;
    const address = k.layout.structPageAddress(page);
    expect(k.processor.readKernel(address)).toBe(0n);
    run(k, () => onlineBlock(k, AT, "online_movable"));
    const words = Array.from({ length: 8 }, (_, i) =>
      k.processor.readKernel(address + BigInt(i * 8)),
    );
    const list = address + 8n;
    expect(words).toEqual([3n << 51n, list, list, 0n, 0n, 0n, 0x1_ffff_ffffn, 0n]);
  });

  it("ends where it began when a notifier refuses, and tells of it", () => {
    const k = boot();
    const events: string[] = [];
    k.memoryNotifiers.push((event) => {
      events.push(event);
      return event === "MEM_GOING_ONLINE" ? EBUSY : 0;
    });
    run(k, () => addMemory(k, AT, BLOCK));
    const free = k.frames.freeFrames;
    expect(run(k, () => onlineBlock(k, AT)).errno).toBe(EBUSY);
    expect(events).toEqual(["MEM_GOING_ONLINE", "MEM_CANCEL_ONLINE"]);
    expect(blockAt(k, AT)?.state).toBe("offline");
    expect(k.frames.freeFrames).toBe(free);
  });

  it("happens by itself where that is the policy", () => {
    const k = boot({ onlinePolicy: "online_movable" });
    run(k, () => addMemory(k, AT, 2 * BLOCK));
    expect([AT, AT + BLOCK].map((at) => blockAt(k, at)?.state)).toEqual(["online", "online"]);
    expect(run(k, () => removeMemory(k, AT, 2 * BLOCK)).errno).toBe(EBUSY);
  });

  it("refuses a type that there is not", () => {
    const k = boot();
    expect(() => onlineBlock(k, AT, "online_all" as "online")).toThrow(
      'online type: expected online, online_kernel, online_movable, got "online_all"',
    );
  });
});

describe("Offlining", () => {
  const online = (options: BootOptions = {}) => {
    const k = boot(options);
    run(k, () => addMemory(k, AT, BLOCK));
    run(k, () => onlineBlock(k, AT, "online_movable"));
    return k;
  };

  it("moves what can be moved, content and all, and finds no frame of it used afterwards", () => {
    const k = online();
    const page = k.frames.allocate(0, "movable", user("pid 1"));
    const huge = k.frames.allocate(9, "movable", user("pid 2"));
    expect([page >= AT, huge >= AT]).toEqual([true, true]);
    k.memory.write32(page, 0x1234);
    k.memory.write32(huge + MIB, 0x5678);
    expect(run(k, () => offlineBlock(k, AT)).errno).toBe(0);
    expect([...k.frames.usedWithin(AT, BLOCK)]).toEqual([]);
    const moved = [...k.frames.used()].filter(({ use }) => use.kind === "user");
    expect(moved.map(({ order, use }) => [order, use])).toEqual([
      [0, user("pid 1")],
      [9, user("pid 2")],
    ]);
    expect(k.memory.readInt32(moved[0]?.physical ?? 0)).toBe(0x1234);
    expect(k.memory.readInt32((moved[1]?.physical ?? 0) + MIB)).toBe(0x5678);
    expect(run(k, () => removeMemory(k, AT, BLOCK)).errno).toBe(0);
  });

  it("asks those who map the page first", () => {
    const k = online();
    const page = k.frames.allocate(0, "movable", user("pid 1"));
    const asked: number[] = [];
    k.pageMigrators.push((physical) => {
      asked.push(physical);
      return k.frames.free(physical, 0) ? 0 : EBUSY;
    });
    expect(run(k, () => offlineBlock(k, AT)).errno).toBe(0);
    expect(asked).toEqual([page]);
  });

  it.each([
    [
      "a page that can never be moved",
      EBUSY,
      (k: Kernel) => {
        k.frames.claim(AT + MIB, 0, { kind: "reserved" });
      },
    ],
    [
      "a page that is pinned now",
      EINTR,
      (k: Kernel) => {
        k.frames.reference(k.frames.allocate(0, "movable", user("pid 1")));
      },
    ],
    [
      "a signal",
      EINTR,
      (k: Kernel) => {
        k.frames.allocate(0, "movable", user("pid 1"));
        k.signalPending = () => true;
      },
    ],
    [
      "a notifier's refusal",
      ENOMEM,
      (k: Kernel) => {
        k.memoryNotifiers.push((event) => (event === "MEM_GOING_OFFLINE" ? ENOMEM : 0));
      },
    ],
  ] as const)(
    "stays online because of %s, and every frame can be allocated",
    (_name, errno, hinder) => {
      const k = online();
      hinder(k);
      const free = k.frames.freeFrames;
      expect(run(k, () => offlineBlock(k, AT)).errno).toBe(errno);
      expect(blockAt(k, AT)?.state).toBe("online");
      expect(k.frames.freeFrames).toBeGreaterThanOrEqual(free - 1);
      expect(k.frames.allocate(9, "movable", user("pid 3"))).toBeGreaterThanOrEqual(AT);
    },
  );

  it("refuses memory of two zones, and boot memory in use", () => {
    const k = bootKernel({ levels: 4, linearBytes: 512 * MIB });
    expect(run(k, () => offlineBlock(k, 0))).toMatchObject({
      errno: EINVAL,
      message: "more than one zone in 0x0-0x7ffffff",
    });
    expect(run(k, () => offlineBlock(k, BLOCK)).errno).toBe(EBUSY);
  });

  it("takes boot memory away that nobody uses, with the memmap that the boot made", () => {
    const k = bootKernel({ levels: 4, linearBytes: 512 * MIB, ramBytes: 512 * MIB });
    const checker = new Checker(new KernelView(k));
    const free = k.frames.freeFrames;
    expect(run(k, () => offlineAndRemoveMemory(k, 2 * BLOCK, BLOCK)).errno).toBe(0);
    expect(checker.fullCheck()).toEqual([]);
    expect(checker.findings).toEqual([]);
    // The block's frames go, its 2 MiB of memmap in the last block come back.
    expect(k.frames.freeFrames).toBe(free - (BLOCK - 2 * MIB) / 4096);
  });
});

describe("offline_and_remove_memory", () => {
  it("onlines again, as it was, what it had offlined before a block refused", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, 2 * BLOCK));
    run(k, () => onlineBlock(k, AT, "online_movable"));
    run(k, () => onlineBlock(k, AT + BLOCK, "online_kernel"));
    k.frames.claim(AT + BLOCK, 0, { kind: "reserved" });
    expect(run(k, () => offlineAndRemoveMemory(k, AT, 2 * BLOCK))).toMatchObject({
      errno: EBUSY,
      message: "unmovable page in 0x8008000000-0x800fffffff",
    });
    expect(blockAt(k, AT)).toMatchObject({ state: "online", onlineType: "online_movable" });
    expect(k.frames.zone("Movable").freeFrames).toBe(BLOCK / 4096);
  });

  it("removes blocks whether they were online or not", () => {
    const k = boot();
    run(k, () => addMemory(k, AT, 2 * BLOCK));
    run(k, () => onlineBlock(k, AT));
    expect(run(k, () => offlineAndRemoveMemory(k, AT, 2 * BLOCK)).errno).toBe(0);
    expect(blockAt(k, AT)).toBeUndefined();
  });
});
