/**
 * The decoder against iced-x86: enumerated encodings (mode × prefixes × map × opcode × ModRM) and
 * random bytes. `npm test` takes a sample, PML5_TEST_ALL=1 all of them.
 */

import { describe, expect, it } from "vitest";
import type { DecodeMode } from "../../../src/cpu/decode/decoder.ts";
import { DIFFERENCES } from "./differences.ts";
import { encodingSets, RandomBytes, SLOT_BYTES, writeEncoding, writeRandom } from "./encodings.ts";
import { compareBatch, compareOne } from "./oracle.ts";
import { shrunkFailure } from "./shrink.ts";

const ALL = process.env.PML5_TEST_ALL === "1";
const SEED = Number(process.env.PML5_SEED ?? 20240607);
const SLOTS = 4096;
const MODES = [16, 32, 64] as const;

/** Every which encoding of a set is taken; a prime, so that all ModRM values come up. */
const STRIDE = ALL ? 1 : 151;
const RANDOM_COUNT = ALL ? 12_000_000 : 300_000;

/** At most this many failures are shrunk and shown. */
const SHOWN = 10;

class Run {
  readonly batch = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly failures: string[] = [];
  compared = 0;
  slot = 0;

  /** Compares what is in the batch and empties it. */
  flush(mode: DecodeMode): void {
    for (const message of compareBatch(this.batch, this.slot, mode)) {
      if (this.failures.length >= SHOWN) break;
      const hex = /-bit ([0-9a-f]+):/.exec(message)?.[1] ?? "";
      this.failures.push(shrunkFailure(Uint8Array.from(Buffer.from(hex, "hex")), mode));
    }
    this.compared += this.slot;
    this.slot = 0;
  }

  report(what: string): void {
    console.log(`decoder against iced-x86, ${what}: seed ${SEED}, ${this.compared} encodings`);
    expect(this.failures).toEqual([]);
  }
}

describe("Decoder against iced-x86", () => {
  it("agrees on enumerated prefixes, opcodes and ModRM bytes", { timeout: 600_000 }, () => {
    const run = new Run();
    const random = new RandomBytes(SEED);
    let first = 0;
    for (const { mode, lead } of encodingSets()) {
      first = (first + 37) % STRIDE;
      for (let number = first; number < 0x10000; number += STRIDE) {
        writeEncoding(run.batch, run.slot++, lead, number, random);
        if (run.slot === SLOTS) run.flush(mode);
      }
      run.flush(mode);
    }
    run.report("enumerated");
  });

  it("agrees on random bytes behind random prefixes", { timeout: 600_000 }, () => {
    const run = new Run();
    const random = new RandomBytes(SEED);
    while (run.compared < RANDOM_COUNT) {
      const mode = MODES[(run.compared / SLOTS) % 3] as DecodeMode;
      while (run.slot < SLOTS) writeRandom(run.batch, run.slot++, random);
      run.flush(mode);
    }
    run.report("random");
  });

  it("has no listed difference without an encoding that shows it", () => {
    const examples: Readonly<Record<string, readonly [DecodeMode, string]>> = {
      "SYSCALL and SYSRET outside 64-bit mode": [32, "0f05"],
      "PAUSE with REX.B": [64, "f34190"],
      "hints that are not announced": [64, "f30f1ec8"],
      "selectors and status words in registers": [32, "8ed8"],
    };
    expect(Object.keys(examples)).toEqual(DIFFERENCES.map(({ name }) => name));
    for (const [mode, hex] of Object.values(examples)) {
      expect(compareOne(Uint8Array.from(Buffer.from(hex, "hex")), mode)).toBe("");
    }
  });
});
