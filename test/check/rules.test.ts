/** Each rule on an address space made by hand: shown to fire, and to stay silent. */
import { describe, expect, it } from "vitest";
import { Checker } from "../../src/check/checker.ts";
import { HandMadeView, LARGE, LEAF, MEMMAP_PAGE, OTHER_PAGE, TABLE } from "./hand-made-view.ts";

const MEMMAP = { kind: "memmap" } as const;
const FREE = { kind: "free" } as const;
const PMD = 0x13000;

function make(prepare: (view: HandMadeView) => void = () => {}) {
  const view = new HandMadeView();
  prepare(view);
  return { view, checker: new Checker(view) };
}
const found = (checker: Checker) =>
  checker.findings.map(({ rule, operation }) => [rule, operation]);

describe("The rule of top entries", () => {
  const setUp = () => make((view) => void view.fork("pid 1", 0x20000));

  it("fires for an entry that differs from the reference's", () => {
    const { view, checker } = setUp();
    view.operation("replace", () => {
      view.allocate(0x14000, { kind: "table", level: 3, owner: "reference" });
      view.set(0x10000, 256, 4, 0x14000 + TABLE);
      view.set(0x14000, 0, 3, PMD + TABLE);
    });
    expect(checker.findings[0]).toMatchObject({
      rule: "stale-top-entry",
      operation: "replace",
      spaces: ["pid 1"],
    });
  });

  it("fires for an entry that a space lacks, not where a fault fills it, nor when both have it", () => {
    const { view, checker } = setUp();
    view.operation("publish to all", (observer) => {
      view.allocate(0x15000, { kind: "table", level: 3, owner: "reference" });
      view.set(0x10000, 257, 4, 0x15000 + TABLE);
      view.set(0x20000, 257, 4, 0x15000 + TABLE);
      observer.flushedAll?.();
    });
    view.operation("fill on fault", () => {
      view.allocate(0x16000, { kind: "table", level: 3, owner: "reference" });
      view.set(0x10000, 258, 4, 0x16000 + TABLE);
    });
    expect(found(checker)).toEqual([]);
    view.operation("forget one", () => view.set(0x20000, 257, 4, 0));
    expect(found(checker)).toEqual([["unpublished-top-entry", "forget one"]]);
  });
});

describe("The rule of links", () => {
  it.each([
    ["a free frame", FREE],
    ["a table of another level", { kind: "table", level: 2, owner: "reference" }],
    ["a page of somebody", { kind: "user", owner: "pid 1" }],
  ] as const)("fires for an entry that leads to %s", (_name, use) => {
    const { view, checker } = make();
    view.use(0x40000, use);
    view.operation("link", () => view.set(PMD, 5, 2, 0x40000 + TABLE));
    expect(found(checker)).toContainEqual(["link-to-non-table", "link"]);
  });

  it("stays silent for a table of the level below", () => {
    const { view, checker } = make();
    view.operation("link", () => {
      view.allocate(0x40000, { kind: "table", level: 1, owner: "reference" });
      view.set(PMD, 5, 2, 0x40000 + TABLE);
    });
    expect(found(checker)).toEqual([]);
    expect(checker.fullCheck()).toEqual([]);
  });
});

describe("The rule of owners", () => {
  it.each([
    ["free", FREE],
    ["a user's", { kind: "user", owner: "pid 1" }],
    ["absent", { kind: "absent" }],
    ["a table", { kind: "table", level: 1, owner: "reference" }],
  ] as const)("fires for a memmap leaf whose frame is %s", (_name, use) => {
    const { view, checker } = make();
    view.wanted = [{ from: MEMMAP_PAGE, to: MEMMAP_PAGE + 512 }];
    view.use(0x200000, use);
    view.operation("map", () => view.set(PMD, 0, 2, 0x200000 + LARGE));
    expect(found(checker)).toContainEqual(["leaf-to-foreign-frame", "map"]);
  });

  it("fires for a user's leaf that maps memmap, and stays silent for a user's page", () => {
    const { view, checker } = make((made) => {
      made.fork("pid 1", 0x20000);
      for (const [frame, level] of [
        [0x21000, 3],
        [0x22000, 2],
        [0x23000, 1],
      ] as const) {
        made.table(frame, level, "pid 1");
      }
      made.write(0x20000, 0, 0x21000 + TABLE);
      made.write(0x21000, 0, 0x22000 + TABLE);
      made.write(0x22000, 0, 0x23000 + TABLE);
    });
    view.operation("fault in", () => {
      view.allocate(0x50000, { kind: "user", owner: "pid 1" });
      view.set(0x23000, 0, 1, 0x50000 + LEAF);
    });
    expect(found(checker)).toEqual([]);
    view.use(0x51000, { kind: "reserved" });
    view.operation("map another's", () => view.set(0x23000, 1, 1, 0x51000 + LEAF));
    expect(checker.findings[0]).toMatchObject({
      rule: "leaf-to-foreign-frame",
      spaces: ["pid 1"],
    });
  });

  it("does not judge leaves that own nothing", () => {
    const { view, checker } = make((made) => {
      made.table(0x31000, 3);
      made.write(0x10000, 257, 0x31000 + TABLE);
      made.use(0x40000000, FREE);
      made.direct = [{ from: OTHER_PAGE + 512 ** 2, to: OTHER_PAGE + 2 * 512 ** 2 }];
    });
    view.operation("map", () => view.set(0x31000, 1, 3, 0x40000000 + LARGE));
    expect(found(checker)).toEqual([]);
  });
});

describe("The rule of the flush", () => {
  const mapped = () =>
    make((view) => {
      view.table(0x40000, 1);
      view.use(0x200000, MEMMAP);
      view.write(PMD, 0, 0x200000 + LARGE);
      view.write(PMD, 5, 0x40000 + TABLE);
      view.wanted = [{ from: MEMMAP_PAGE, to: MEMMAP_PAGE + 512 }];
    });

  it("fires for a table that is free before the flush, linked or not", () => {
    const { view, checker } = mapped();
    view.operation("free, then unlink", (observer) => {
      view.free(0x40000);
      view.set(PMD, 5, 2, 0);
      observer.flushedAll?.();
    });
    expect(found(checker)).toEqual([["table-free-before-flush", "free, then unlink"]]);
  });

  it("fires for a page that is free before the flush", () => {
    const { view, checker } = mapped();
    view.operation("unlink, free", () => {
      view.wanted = [];
      view.set(PMD, 0, 2, 0);
      view.free(0x200000);
    });
    expect(found(checker)).toEqual([["frame-free-before-flush", "unlink, free"]]);
  });

  it("stays silent for unlink, flush, free", () => {
    const { view, checker } = mapped();
    view.operation("right", (observer) => {
      view.wanted = [];
      view.set(PMD, 5, 2, 0);
      view.set(PMD, 0, 2, 0);
      observer.flushedAll?.();
      view.free(0x40000);
      view.free(0x200000);
    });
    expect(found(checker)).toEqual([]);
  });
});

describe("The rule of kept translations", () => {
  const kept = { processor: "processor 0", message: "it", tableLevel: 0 } as const;
  const judged = (keep: { physical: number; page: number; tableLevel?: number }) => {
    const { view, checker } = make((made) => {
      made.use(0x60000, FREE);
      made.use(0x61000, FREE);
      made.use(0x62000, { kind: "absent" });
      made.use(0x200000, MEMMAP);
      made.write(PMD, 0, 0x200000 + LARGE);
      made.wanted = [{ from: MEMMAP_PAGE, to: MEMMAP_PAGE + 512 }];
      made.keeps.push({ ...kept, ...keep });
    });
    view.operation("free", () => view.free(0x61000));
    return found(checker);
  };
  const fires = [["stale-translation", "free"]];

  it("fires for a page that owns its frame, when that is free or another's", () => {
    expect(judged({ physical: 0x60000, page: MEMMAP_PAGE })).toEqual(fires);
    expect(judged({ physical: 0x63000, page: MEMMAP_PAGE })).toEqual(fires);
  });

  it("fires for any page when nothing is there any more", () => {
    expect(judged({ physical: 0x62000, page: OTHER_PAGE })).toEqual(fires);
  });

  it("fires for a way to a frame that is no table of that level, or of other pages", () => {
    expect(judged({ physical: 0x60000, page: MEMMAP_PAGE, tableLevel: 2 })).toEqual(fires);
    expect(judged({ physical: PMD, page: MEMMAP_PAGE, tableLevel: 1 })).toEqual(fires);
    expect(judged({ physical: PMD, page: MEMMAP_PAGE + 512 ** 2, tableLevel: 2 })).toEqual(fires);
  });

  it("stays silent for what is mapped, and for free memory in a map that owns nothing", () => {
    expect(judged({ physical: 0x200000, page: MEMMAP_PAGE + 7 })).toEqual([]);
    expect(judged({ physical: PMD, page: MEMMAP_PAGE + 7, tableLevel: 2 })).toEqual([]);
    expect(judged({ physical: 0x60000, page: OTHER_PAGE })).toEqual([]);
  });
});

describe("The rule of leaks", () => {
  it("fires for a table and for memmap that no entry leads to, when they come about", () => {
    const { view, checker } = make();
    view.operation("allocate", () => {
      view.allocate(0x70000, { kind: "table", level: 1, owner: "reference" });
      view.allocate(0x71000, MEMMAP);
      view.allocate(0x72000, { kind: "reserved" });
    });
    expect(found(checker)).toEqual([
      ["leaked-table", "allocate"],
      ["leaked-memmap", "allocate"],
    ]);
    expect(checker.fullCheck()).toEqual([]);
  });

  it("fires for a table that was unlinked and not freed", () => {
    const { view, checker } = make((made) => {
      made.table(0x40000, 1);
      made.write(PMD, 5, 0x40000 + TABLE);
    });
    view.operation("unlink", () => view.set(PMD, 5, 2, 0));
    expect(found(checker)).toEqual([["leaked-table", "unlink"]]);
  });

  it("finds on demand what nobody announced", () => {
    const { view, checker } = make();
    view.table(0x70000, 1);
    expect(checker.fullCheck().map(({ rule }) => rule)).toEqual(["leaked-table"]);
  });

  it("counts tables that are kept empty", () => {
    const { view, checker } = make();
    expect(checker.emptyTables()).toEqual([PMD]);
    view.use(0x200000, MEMMAP);
    view.write(PMD, 0, 0x200000 + LARGE);
    expect(checker.emptyTables()).toEqual([]);
  });
});

describe("The rule of the memmap", () => {
  const at = (pages: number) => MEMMAP_PAGE + pages;

  it("fires for present memory without memmap", () => {
    const { view, checker } = make();
    view.operation("appear", (observer) => {
      view.wanted = [{ from: at(512), to: at(1024) }];
      observer.coverageChanged?.(at(512), at(1024));
    });
    expect(checker.findings[0]?.message).toBe(
      "from ffff800000200000 512 pages of memmap of present memory are not mapped",
    );
  });

  it("fires for memmap of absent memory, be it mapped without need or needed no longer", () => {
    const { view, checker } = make();
    view.operation("map", () => {
      view.allocate(0x200000, MEMMAP);
      view.set(PMD, 3, 2, 0x200000 + LARGE);
    });
    expect(checker.findings[0]).toMatchObject({
      rule: "memmap-mismatch",
      message: "from ffff800000600000 512 pages of memmap of absent memory are mapped",
    });
  });

  it("fires for a gap of one page between two that are mapped", () => {
    const { view, checker } = make((made) => {
      made.table(0x40000, 1);
      made.write(PMD, 0, 0x40000 + TABLE);
      for (const index of [0, 2]) {
        made.use(0x50000 + index * 4096, MEMMAP);
        made.write(0x40000, index, 0x50000 + index * 4096 + LEAF);
      }
      made.wanted = [{ from: at(0), to: at(3) }];
    });
    expect(checker.fullCheck().map(({ message }) => message)).toEqual([
      "from ffff800000001000 1 pages of memmap of present memory are not mapped",
    ]);
    expect(view.wanted).toHaveLength(1);
  });

  it("stays silent for what is wanted, and for the unused rest of a leaf", () => {
    const { view, checker } = make();
    view.operation("appear", (observer) => {
      view.wanted = [{ from: at(0), to: at(600) }];
      for (const index of [0, 1]) {
        view.allocate(0x200000 * (index + 1), MEMMAP);
        view.set(PMD, index, 2, 0x200000 * (index + 1) + LARGE);
      }
      observer.coverageChanged?.(at(0), at(600));
    });
    expect(found(checker)).toEqual([]);
    expect(checker.fullCheck()).toEqual([]);
  });
});

describe("The rule of the direct map", () => {
  const at = (pages: number) => OTHER_PAGE + pages;
  /** The way to a PMD table at 0x15000 whose first entry maps 2 MiB. */
  const withDirectMap = () =>
    make((made) => {
      made.table(0x14000, 3);
      made.table(0x15000, 2);
      made.write(0x10000, 257, 0x14000 + TABLE);
      made.write(0x14000, 0, 0x15000 + TABLE);
      made.write(0x15000, 0, 0x200000 + LARGE);
      made.direct = [{ from: at(0), to: at(512) }];
    });
  const change = (view: HandMadeView, to: number) =>
    view.operation("change", (observer) => observer.coverageChanged?.(at(0), at(to)));

  it("stays silent while exactly what is wanted is mapped", () => {
    const { view, checker } = withDirectMap();
    change(view, 1024);
    expect(found(checker)).toEqual([]);
    expect(checker.fullCheck()).toEqual([]);
  });

  it("fires for memory that is not mapped, and for what nobody has added", () => {
    const { view, checker } = withDirectMap();
    view.direct = [{ from: at(512), to: at(1024) }];
    change(view, 1024);
    expect(checker.findings).toMatchObject([
      {
        rule: "direct-map-mismatch",
        message: "from ffff808000200000 512 pages of direct map of present memory are not mapped",
      },
      {
        rule: "direct-map-mismatch",
        message: "from ffff808000000000 512 pages of direct map of absent memory are mapped",
      },
    ]);
  });

  it("judges a leaf by its parts: a part of it is not enough", () => {
    const { view, checker } = withDirectMap();
    view.direct = [{ from: at(100), to: at(512) }];
    change(view, 512);
    expect(checker.findings.map(({ message }) => message)).toEqual([
      "from ffff808000000000 100 pages of direct map of absent memory are mapped",
    ]);
  });

  it("looks into tables of 4 KiB pages on demand only", () => {
    const { view, checker } = withDirectMap();
    view.table(0x16000, 1);
    view.write(0x16000, 0, 0x200000 + LEAF);
    view.set(0x15000, 0, 2, 0x16000 + TABLE);
    change(view, 512);
    expect(found(checker)).not.toContain("direct-map-mismatch");
    expect(checker.fullCheck().map(({ message }) => message)).toContain(
      "from ffff808000001000 511 pages of direct map of present memory are not mapped",
    );
  });
});
