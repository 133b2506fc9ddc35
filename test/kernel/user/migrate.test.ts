import { expect, it } from "vitest";
import { GIB, MIB } from "../../../src/base/units.ts";
import { addMemory, plugDimm, removeMemory } from "../../../src/kernel/hotplug.ts";
import type { Mm } from "../../../src/kernel/kernel.ts";
import { offlineBlock, onlineBlock } from "../../../src/kernel/memory-block.ts";
import { userRead, userWrite } from "../../../src/kernel/user/access.ts";
import { fork } from "../../../src/kernel/user/fork.ts";
import { mmap } from "../../../src/kernel/user/mmap.ts";
import { done, listing, start, world } from "./support.ts";

const AT = 0x400000n;
const DIMM = 512 * GIB;
const BYTES = 128 * MIB;

it("Taking a block offline moves pages that two processes share, small and large", () => {
  const { k, run } = world({ linearBytes: 512 * MIB, processors: 2, allocator: "quarantine" });
  plugDimm(k, DIMM, BYTES);
  run("add", () => addMemory(k, DIMM, BYTES));
  run("online", () => onlineBlock(k, DIMM, "online_movable"));
  const parent = start(k);
  run(
    "touch",
    done(() => {
      mmap(k, parent, AT, 4 * MIB, "rw-", { huge: true });
      mmap(k, parent, AT + 0x400000n, 8192, "rw-");
      userWrite(k, AT + 0x5000n, 5n);
      userWrite(k, AT + 0x400000n, 6n);
    }),
  );
  let child: Mm | undefined;
  run(
    "fork",
    done(() => {
      child = fork(k, parent);
    }),
  );
  run(
    "split in the parent",
    done(() => userWrite(k, AT, 1n)),
  );
  expect([...k.frames.usedWithin(DIMM, BYTES)]).not.toEqual([]);
  const before = [listing(k, parent), listing(k, child as Mm)];
  expect(run("offline", () => offlineBlock(k, DIMM)).errno).toBe(0);
  expect([listing(k, parent), listing(k, child as Mm)]).toEqual(before);
  expect(run("remove", () => removeMemory(k, DIMM, BYTES)).errno).toBe(0);
  for (const mm of [parent, child as Mm]) {
    k.processor.switchMm(mm);
    run(
      "read",
      done(() => {
        expect(userRead(k, AT).value).toBe(mm === parent ? 1n : 0n);
        expect(userRead(k, AT + 0x5000n).value).toBe(5n);
        expect(userRead(k, AT + 0x400000n).value).toBe(6n);
      }),
    );
  }
});
