/**
 * Keeps the rights tests in a state block in step with the registers that they depend on.
 *
 * Those are rewritten often (EFLAGS.AC around every copy to user space, CR3 at every switch), so
 * the tests are kept for both values of AC, and made anew only when something else changed.
 */
import { KIND_MASK } from "./access.ts";
import type { PagingRegisters } from "./control-bits.ts";
import { pageFault } from "./fault.ts";
import { STATE, TEST, TEST_COUNT } from "./mmu-state.ts";
import type { PagingMode } from "./paging-mode.ts";
import { reportsFetch, rightsTest } from "./rights.ts";

export class RightsTests {
  readonly #int32: Int32Array;
  readonly #at: number;
  /** For AC = 0 and AC = 1, as they stand in the state block. */
  #known: [Int32Array | undefined, Int32Array | undefined] = [undefined, undefined];
  #mode: PagingMode | undefined;
  #cr0 = 0;
  #cr4 = 0;
  #pkru = 0;
  #pkrs = 0;

  constructor(int32: Int32Array, stateBase: number) {
    this.#int32 = int32;
    this.#at = (stateBase + STATE.tests) >>> 2;
  }

  /** Makes the state block's tests those of these registers. */
  update(registers: PagingRegisters, mode: PagingMode): void {
    const { cr0, cr4, pkru, pkrs, ac } = registers;
    const same = mode === this.#mode && cr0 === this.#cr0 && cr4 === this.#cr4;
    if (!same || pkru !== this.#pkru || pkrs !== this.#pkrs) {
      this.#known = [undefined, undefined];
      this.#mode = mode;
      this.#cr0 = cr0;
      this.#cr4 = cr4;
      this.#pkru = pkru;
      this.#pkrs = pkrs;
    }
    const which = ac ? 1 : 0;
    this.#known[which] ??= makeTests(registers, mode);
    this.#int32.set(this.#known[which], this.#at);
  }
}

function makeTests(registers: PagingRegisters, mode: PagingMode): Int32Array {
  const tests = new Int32Array(TEST_COUNT * 4);
  const reports = reportsFetch(registers, mode);
  for (let access = 0; access < TEST_COUNT; access++) {
    if ((access & KIND_MASK) === KIND_MASK) continue;
    const test = rightsTest(registers, mode, access);
    const at = (access << TEST.shift) >>> 2;
    tests[at + TEST.mask / 4] = test.mask;
    tests[at + TEST.want / 4] = test.want;
    tests[at + TEST.keys / 4] = test.deniedUserKeys | (test.deniedSupervisorKeys << 16);
    tests[at + TEST.fault / 4] = pageFault(access, 0, reports);
  }
  return tests;
}
