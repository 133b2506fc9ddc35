import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GIB, MIB } from "../../../src/base/units.ts";
import { EINTR } from "../../../src/kernel/bug.ts";
import { addMemory, plugDimm, removeMemory } from "../../../src/kernel/hotplug.ts";
import type { Kernel, Mm } from "../../../src/kernel/kernel.ts";
import { offlineBlock, onlineBlock } from "../../../src/kernel/memory-block.ts";
import { destroyProcess } from "../../../src/kernel/process.ts";
import type { Depth } from "../../../src/kernel/record.ts";
import { userRead, userWrite } from "../../../src/kernel/user/access.ts";
import { fork } from "../../../src/kernel/user/fork.ts";
import { mmap, mprotect, munmap, type Protection } from "../../../src/kernel/user/mmap.ts";
import { checkProperty, runsOf } from "../../support/property.ts";
import { done, start, type World, world } from "./support.ts";

/** Ranges lie in 8 MiB: four large pages, and what crosses their borders. */
const BASE = 0x7f0000000000n;
const PAGES = 2048;
const RIGHTS: readonly Protection[] = ["rw-", "r--", "---", "rwx"];
const PROCESSORS = 3;
const MAX_PROCESSES = 8;

const DIMM = 512 * GIB;
const DIMM_BYTES = 128 * MIB;
const MACHINE = { processors: PROCESSORS, ramBytes: 256 * MIB, linearBytes: 512 * MIB };

type Dimm = "absent" | "offline" | "online";
/** What is called, in which state it should succeed, and the state that follows. */
const HOTPLUG = {
  add: [(k: Kernel) => addMemory(k, DIMM, DIMM_BYTES), "absent", "offline"],
  online: [(k: Kernel) => onlineBlock(k, DIMM, "online_movable"), "offline", "online"],
  offline: [(k: Kernel) => offlineBlock(k, DIMM), "online", "offline"],
  remove: [(k: Kernel) => removeMemory(k, DIMM, DIMM_BYTES), "offline", "absent"],
} as const satisfies Record<string, readonly [(k: Kernel) => number, Dimm, Dimm]>;

type Step =
  | { readonly what: "mmap" | "munmap" | "mprotect"; page: number; pages: number; choice: number }
  | { readonly what: "write" | "read"; page: number; choice: number }
  | { readonly what: "fork" | "exit" | "run" | "thread"; choice: number; processor: number }
  | { readonly what: "add" | "online" | "offline" | "remove" };

/** Few pages, so that they are met again; some around a border of 2 MiB. */
const page = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(0, 1, 511, 512) },
  { weight: 1, arbitrary: fc.nat(PAGES - 1) },
);
const pages = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(1, 2, 511, 512, 513, 1024));
const choice = fc.nat(1000);
const processor = fc.nat(PROCESSORS - 1);
const range = fc.constantFrom("mmap" as const, "munmap" as const, "mprotect" as const);
const access = fc.constantFrom("write" as const, "read" as const);
const life = fc.constantFrom("fork" as const, "exit" as const, "run" as const, "thread" as const);
const hotplug = fc.constantFrom(
  "add" as const,
  "online" as const,
  "offline" as const,
  "remove" as const,
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ what: hotplug }) },
  { weight: 3, arbitrary: fc.record({ what: range, page, pages, choice }) },
  { weight: 14, arbitrary: fc.record({ what: access, page, choice }) },
  { weight: 5, arbitrary: fc.record({ what: life, choice, processor }) },
);

/** What a process should read at each page it has written or could write, and its rights. */
interface Model {
  readonly mm: Mm;
  /** By page: rights, and the value at the page's first bytes. */
  readonly pages: Map<number, { rights: Protection; value: bigint }>;
}

class Run {
  readonly world: World;
  readonly models: Model[] = [];
  #counter = 1n;
  #dimm: Dimm = "absent";

  constructor(world: World) {
    this.world = world;
    this.models.push({ mm: start(world.k), pages: new Map() });
    this.play({ what: "mmap", page: 0, pages: PAGES, choice: 4 });
  }

  play(step: Step): void {
    const { k, run } = this.world;
    if (!("choice" in step)) {
      this.hotplug(step.what);
      return;
    }
    if ("processor" in step) {
      k.runOn(step.processor);
      run(
        step.what,
        done(() => this.#live(step.what, step.choice)),
      );
      return;
    }
    const model = this.models.find(({ mm }) => mm === k.processor.current);
    if (model === undefined) return;
    run(
      step.what,
      done(() => {
        if ("pages" in step) this.#reshape(model, step);
        else this.#access(model, step);
      }),
    );
  }

  /** One of four operations on a DIMM, refused unless it fits the state that the block is in. */
  hotplug(what: "add" | "online" | "offline" | "remove"): void {
    const { k, run } = this.world;
    const [operation, from, to] = HOTPLUG[what];
    const { errno } = run(what, () => operation(k));
    if (this.#dimm !== from) expect(errno).toBeLessThan(0);
    else if (errno === 0) this.#dimm = to;
    // The pages of processes move elsewhere, if there is room.
    else expect([what, errno]).toEqual(["offline", EINTR]);
  }

  /** Everybody exits, and the DIMM goes. */
  end(): void {
    const { k, run } = this.world;
    for (const { mm } of this.models.splice(0)) {
      run(
        "exit",
        done(() => destroyProcess(k, mm)),
      );
    }
    for (const processor of k.processors) processor.switchMm(k.initMm);
    if (this.#dimm === "online") this.hotplug("offline");
    if (this.#dimm === "offline") this.hotplug("remove");
    expect(this.#dimm).toBe("absent");
  }

  #live(what: string, choice: number): void {
    const { k } = this.world;
    const model = this.models[choice % this.models.length] as Model;
    if (what === "run") k.processor.switchMm(model.mm);
    else if (what === "thread") k.processor.runKernelThread();
    else if (what === "exit" && this.models.length > 1) {
      destroyProcess(k, model.mm);
      this.models.splice(this.models.indexOf(model), 1);
    } else if (what === "fork" && this.models.length < MAX_PROCESSES) {
      const child = fork(k, model.mm);
      expect(child).toBeDefined();
      const pages = new Map([...model.pages].map(([at, state]) => [at, { ...state }]));
      this.models.push({ mm: child as Mm, pages });
    }
  }

  #reshape(model: Model, step: Extract<Step, { pages: number }>): void {
    const { k } = this.world;
    const { mm } = model;
    const first = step.page;
    const count = Math.min(step.pages, PAGES - first);
    const address = BASE + BigInt(first) * 4096n;
    const rights = RIGHTS[step.choice % RIGHTS.length] as Protection;
    const huge = step.choice % 3 === 0;
    let errno = 0;
    if (step.what === "mmap")
      errno = mmap(k, mm, address, count * 4096, rights, { huge, replaces: true });
    else if (step.what === "munmap") errno = munmap(k, mm, address, count * 4096);
    else mprotect(k, mm, address, count * 4096, rights);
    expect(errno).toBe(0);
    for (let at = first; at < first + count; at++) {
      const state = model.pages.get(at);
      if (step.what === "munmap") model.pages.delete(at);
      else if (step.what === "mmap") model.pages.set(at, { rights, value: 0n });
      else if (state === undefined) break;
      else state.rights = rights;
    }
  }

  #access(model: Model, step: Extract<Step, { what: "read" | "write" }>): void {
    const { k } = this.world;
    const address = BASE + BigInt(step.page) * 4096n;
    const state = model.pages.get(step.page);
    const allowed =
      state && (step.what === "read" ? state.rights !== "---" : state.rights[1] === "w");
    const wanted = !state ? "SIGSEGV/MAPERR" : allowed ? undefined : "SIGSEGV/ACCERR";
    if (step.what === "read") {
      const { signal, value } = userRead(k, address);
      expect([signal, value]).toEqual([wanted, allowed ? state.value : 0n]);
      return;
    }
    const value = this.#counter++;
    expect(userWrite(k, address, value).signal).toBe(wanted);
    if (state && allowed) state.value = value;
  }
}

describe("Processes at random, on three processors with TLBs that keep everything", () => {
  const machines = [
    { levels: 4, pcid: false },
    { levels: 4, pcid: true, pti: true },
    { levels: 5, pcid: false, pti: true },
    { levels: 5, pcid: true },
  ] as const satisfies readonly { levels: Depth; pcid: boolean; pti?: boolean }[];

  it.each(machines)("read what they wrote, leave nothing behind: %o", (machine) => {
    const property = fc.property(
      fc.array(step, { minLength: 20, maxLength: 120, size: "max" }),
      (steps) => {
        const it = world({ ...machine, ...MACHINE });
        plugDimm(it.k, DIMM, DIMM_BYTES);
        // The first add makes tables that the kernel keeps.
        for (const what of ["add", "remove"] as const) it.run(what, () => HOTPLUG[what][0](it.k));
        const free = it.k.frames.freeFrames;
        const run = new Run(it);
        for (const one of steps) run.play(one);
        run.end();
        expect(it.k.frames.freeFrames).toBe(free);
        expect(it.k.pgdList).toEqual([]);
        expect(it.checker.fullCheck()).toEqual([]);
      },
    );
    checkProperty(
      `processes ${machine.levels} levels, PCIDs ${machine.pcid}`,
      property,
      runsOf(10, 20),
    );
  });
});
