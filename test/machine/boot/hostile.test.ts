/** Images from nowhere: whatever comes, a loader answers with an entry state or one line. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FormatError } from "../../../src/base/byte-source.ts";
import { bootImage } from "../../../src/machine/boot/boot.ts";
import { BootError } from "../../../src/machine/boot/placement.ts";
import { bzImage, elf, MIB, machineMemory, multibootHeader, request } from "./images.ts";

const RUNS = 300;
const SEED = 20240229;
const code = new Uint8Array(64).fill(0x90);
const kludge = [0x100000, 0x100000, 0, 0, 0x100020];
const wholes = [
  elf(64, 62, MIB, [{ physical: MIB, bytes: code, memoryBytes: 8192 }]),
  elf(32, 3, MIB, [{ physical: MIB, bytes: Uint8Array.of(...multibootHeader(3), ...code) }]),
  Uint8Array.of(...multibootHeader(0x10003, kludge), ...code),
  bzImage(new Uint8Array(1024)),
];

/** One of the good images with some bytes overwritten and perhaps its end cut off. */
const mutated = fc
  .record({
    which: fc.nat(wholes.length - 1),
    patches: fc.array(fc.tuple(fc.nat(1200), fc.nat(255)), { maxLength: 6 }),
    keep: fc.option(fc.nat(2048)),
  })
  .map(({ which, patches, keep }) => {
    const image = (wholes[which] as Uint8Array).slice();
    for (const [at, value] of patches) image[at % image.length] = value;
    return keep === null ? image : image.subarray(0, keep);
  });

describe(`Boot loaders, ${2 * RUNS} hostile images, seed ${SEED}`, () => {
  const memory = machineMemory();
  const answers = (image: Uint8Array) => {
    try {
      const { rip, registers } = bootImage(memory, request(image));
      expect(typeof rip).toBe("bigint");
      expect(registers).toBeTypeOf("object");
    } catch (error) {
      expect(error instanceof FormatError || error instanceof BootError, String(error)).toBe(true);
      expect((error as Error).message).toMatch(/^[^\n]+$/);
    }
  };

  it("answers damaged images", () => {
    fc.assert(fc.property(mutated, answers), { numRuns: RUNS, seed: SEED });
  });

  it("answers random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), answers), {
      numRuns: RUNS,
      seed: SEED,
    });
  });
});
