import { describe, expect, it } from "vitest";
import { ArgumentError, badArgument, InvariantError, invariant } from "../../src/base/errors.ts";

describe("A bad argument", () => {
  it.each([
    [0, "frames: expected 1..524288, got 0"],
    [-1, "frames: expected 1..524288, got -1"],
    [4096, "frames: expected 1..524288, got 4096"],
    [4097, "frames: expected 1..524288, got 0x1001"],
    [1.5, "frames: expected 1..524288, got 1.5"],
    [Number.NaN, "frames: expected 1..524288, got NaN"],
    [0xffff_8000_0000_0000n, "frames: expected 1..524288, got 0xffff800000000000"],
    [-1n, "frames: expected 1..524288, got -0x1"],
    ["many", 'frames: expected 1..524288, got "many"'],
    [undefined, "frames: expected 1..524288, got undefined"],
    [null, "frames: expected 1..524288, got null"],
  ])("names what was expected and that %s came", (got, message) => {
    const act = () => badArgument("frames", "1..524288", got);
    expect(act).toThrow(new ArgumentError(message));
    expect(act).toThrow(expect.objectContaining({ name: "ArgumentError" }));
  });
});

describe("An invariant", () => {
  it("is silent while it holds", () => {
    expect(invariant(true, "unused")).toBeUndefined();
  });

  it("throws its message when it does not", () => {
    const act = () => invariant(false, "gather: finished twice");
    expect(act).toThrow(new InvariantError("gather: finished twice"));
    expect(act).toThrow(expect.objectContaining({ name: "InvariantError" }));
  });
});
