import { describe, expect, it } from "vitest";
import { MIB } from "../../../src/base/units.ts";
import { bootKernel } from "../../../src/kernel/boot.ts";
import { Buddy } from "../../../src/kernel/frames/buddy.ts";
import { type FrameSource, framePolicy } from "../../../src/kernel/frames/policy.ts";

describe("The buddy system", () => {
  it("gives blocks naturally aligned, and merges them again when they come back", () => {
    const buddy = new Buddy();
    buddy.addRange(0, 2048);
    expect(buddy.freeBlocks()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    const blocks = [0, 3, 9, 0, 1].map((order) => ({
      order,
      frame: buddy.allocate(order, "movable"),
    }));
    expect(blocks.filter(({ frame, order }) => frame % 2 ** order !== 0)).toEqual([]);
    expect(buddy.freeFrames).toBe(2048 - 1 - 8 - 512 - 1 - 2);
    for (const { frame, order } of blocks) buddy.free(frame, order);
    expect(buddy.freeBlocks()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
  });

  it("takes from another type when one has run out, with its pageblocks", () => {
    const buddy = new Buddy();
    buddy.addRange(0, 1024);
    const frame = buddy.allocate(0, "unmovable");
    expect(buddy.typeOf(frame)).toBe("unmovable");
    expect(buddy.typeOf(frame + 512)).toBe("unmovable");
  });

  it("is out of memory when no block is large enough", () => {
    const buddy = new Buddy();
    buddy.addRange(1, 511);
    expect(buddy.allocate(9, "movable")).toBe(-1);
  });

  it("gives up a range only when all of it is free", () => {
    const buddy = new Buddy();
    buddy.addRange(0, 4096);
    const frame = buddy.allocate(0, "movable");
    const start = frame - (frame % 1024);
    expect(buddy.removeRange(start, 1024)).toBe(false);
    expect(buddy.freeFrames).toBe(4095);
    buddy.free(frame, 0);
    expect(buddy.removeRange(start + 512, 512)).toBe(true);
    expect(buddy.freeFrames).toBe(4096 - 512);
    expect(buddy.headOf(start + 600)).toBe(-1);
  });

  it("refuses a frame that is free already", () => {
    const buddy = new Buddy();
    buddy.addRange(0, 1024);
    expect(() => buddy.free(7, 0)).toThrow("frame 7 freed twice");
  });
});

describe("The policy for single frames", () => {
  function counter(): FrameSource & { back: number[] } {
    let next = 100;
    const back: number[] = [];
    return { back, take: () => next++, giveBack: (frame) => void back.push(frame) };
  }
  const next = (name: string, freed: number[], count: number) => {
    const policy = framePolicy(name);
    const source = counter();
    policy.allocate(0, "unmovable", source);
    for (const frame of freed) policy.free(0, "unmovable", frame, source);
    return Array.from({ length: count }, () => policy.allocate(0, "unmovable", source));
  };

  it("pcp hands out the frame that was freed last", () => {
    expect(next("pcp", [7, 8, 9], 3)).toEqual([9, 8, 7]);
  });

  it("fifo hands out what stood in line before", () => {
    expect(next("fifo", [7, 8], 63).slice(-2)).toEqual([162, 7]);
  });

  it("quarantine hands out freed frames only when no other is left", () => {
    expect(next("quarantine", [7, 8], 200)).not.toContain(7);
    const policy = framePolicy("quarantine");
    policy.free(0, "unmovable", 7, counter());
    expect(policy.allocate(0, "unmovable", { take: () => -1, giveBack: () => {} })).toBe(7);
  });

  it("random is the same for the same seed", () => {
    expect(next("random", [1, 2, 3, 4], 6)).toEqual(next("random", [1, 2, 3, 4], 6));
  });

  it("keeps a list for each processor and each migrate type", () => {
    const policy = framePolicy("pcp");
    const source = counter();
    policy.free(0, "unmovable", 7, source);
    expect(policy.allocate(0, "movable", source)).not.toBe(7);
    expect(policy.allocate(1, "unmovable", source)).not.toBe(7);
    expect(policy.allocate(0, "unmovable", source)).toBe(7);
  });
});

describe("The page allocator", () => {
  const boot = () => bootKernel({ levels: 4, linearBytes: 448 * MIB });

  it("knows what each frame is used for", () => {
    const k = boot();
    const frame = k.frames.allocate(0, "movable", { kind: "user", owner: "pid 1" });
    expect(k.frames.useOf(frame + 123)).toEqual({ kind: "user", owner: "pid 1" });
    k.frames.free(frame, 0);
    expect(k.frames.useOf(frame)).toEqual({ kind: "free" });
    expect(k.frames.useOf(16 * MIB)).toEqual({ kind: "reserved" });
    expect(k.frames.useOf(1024 * MIB)).toEqual({ kind: "absent" });
  });

  it("does not free what is not allocated in that size", () => {
    const k = boot();
    const block = k.frames.allocate(3, "movable", { kind: "reserved" });
    expect([k.frames.free(block, 0), k.frames.free(block + 4096, 0)]).toEqual([false, false]);
    expect(k.frames.free(block, 3)).toBe(true);
  });

  it("lets the allocation fail that it was told to, once", () => {
    const k = boot();
    k.frames.failNth(2);
    const got = [1, 2, 3].map(() => k.frames.allocate(0, "movable", { kind: "reserved" }) >= 0);
    expect(got).toEqual([true, false, true]);
  });
});
