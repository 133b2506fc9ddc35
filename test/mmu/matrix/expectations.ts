/**
 * What the model expects of every form, worked out once and kept in flat arrays, so that the
 * matrix itself costs little more than the walks it checks. What the entries say depends on NXE
 * but on no other register that the matrix varies; who may do what depends on the few combinations
 * of rights that occur, not on the form.
 */
import { accessedAndDirty, errorCode, examine } from "../model/paging-model.ts";
import type { ModelProcessor } from "../model/processor.ts";
import { judge, type PageRights } from "../model/rights.ts";
import { type MatrixConfig, RAM_BYTES } from "./config.ts";
import { ACCESSES } from "./contexts.ts";
import type { Form } from "./forms.ts";
import { pageFaultCode } from "./registers.ts";

/** Classes of outcome: two that fault whoever asks, then one for each combination of rights. */
const NOT_PRESENT = 0;
const RESERVED_BIT = 1;
const FIRST_RIGHTS = 2;

const ALL_ONES_64 = 2n ** 64n - 1n;
const ALL_ONES_32 = 2n ** 32n - 1n;

export class Expectations {
  readonly count: number;
  readonly levels: number;
  /** By form and level: the halves of the entries. */
  readonly entryHi: Int32Array;
  readonly entryLo: Int32Array;
  /** The low halves after a translation that succeeds, for a read or fetch, and for a write. */
  readonly readLo: Int32Array;
  readonly writeLo: Int32Array;
  /** By form. */
  readonly outcomeClass: Uint8Array;
  readonly physical: Float64Array;
  readonly pageBytes: Float64Array;
  readonly #rights: PageRights[] = [];

  constructor(config: MatrixConfig, forms: readonly Form[], cpu: ModelProcessor) {
    this.count = forms.length;
    this.levels = config.tables.length;
    const words = this.count * this.levels;
    this.entryHi = new Int32Array(words);
    this.entryLo = new Int32Array(words);
    this.readLo = new Int32Array(words);
    this.writeLo = new Int32Array(words);
    this.outcomeClass = new Uint8Array(this.count);
    this.physical = new Float64Array(this.count);
    this.pageBytes = new Float64Array(this.count);
    for (const [index, form] of forms.entries()) this.#work(config, form, cpu, index);
  }

  #work(config: MatrixConfig, form: Form, cpu: ModelProcessor, index: number): void {
    const memory = new Map(
      form.entries.map((entry, at) => [config.entryAddresses[at] ?? -1n, entry] as const),
    );
    const absent = config.entryBytes === 8 ? ALL_ONES_64 : ALL_ONES_32;
    const seen = examine(cpu, config.linear, (address) =>
      address < RAM_BYTES ? (memory.get(address) ?? 0n) : absent,
    );
    const at = index * this.levels;
    fillHalves(this.entryLo, this.entryHi, at, form.entries);
    this.readLo.set(this.entryLo.subarray(at, at + this.levels), at);
    this.writeLo.set(this.entryLo.subarray(at, at + this.levels), at);
    if (seen.end !== "page") {
      this.outcomeClass[index] = seen.end === "not present" ? NOT_PRESENT : RESERVED_BIT;
      return;
    }
    this.outcomeClass[index] = FIRST_RIGHTS + this.#classOf(seen.page);
    this.physical[index] = Number(seen.page.physical);
    this.pageBytes[index] = Number(seen.page.pageBytes);
    for (const what of ["read", "write"] as const) {
      const after = what === "read" ? this.readLo : this.writeLo;
      for (const write of accessedAndDirty(seen.used, { what, who: "supervisor" })) {
        const position = config.entryAddresses.indexOf(write.address);
        if (position >= 0) after[at + position] = Number(BigInt.asIntN(32, write.entry));
      }
    }
  }

  #classOf(page: PageRights): number {
    const same = (other: PageRights) =>
      other.userMode === page.userMode &&
      other.writable === page.writable &&
      other.executeDisable === page.executeDisable &&
      other.key === page.key;
    const known = this.#rights.findIndex(same);
    return known >= 0 ? known : this.#rights.push(page) - 1;
  }

  /** The expected fault for each class and access: at [class * accesses + access]. */
  verdicts(cpu: ModelProcessor): Int32Array {
    const classes = FIRST_RIGHTS + this.#rights.length;
    const faults = new Int32Array(classes * ACCESSES.length);
    for (const [index, access] of ACCESSES.entries()) {
      const put = (outcome: number, code: number) => {
        faults[outcome * ACCESSES.length + index] = code;
      };
      put(NOT_PRESENT, pageFaultCode(errorCode(cpu, access, "not present")));
      put(RESERVED_BIT, pageFaultCode(errorCode(cpu, access, "reserved bit")));
      for (const [at, rights] of this.#rights.entries()) {
        const { forbidden, byKey } = judge(access, rights, cpu);
        const cause = byKey ? "rights and key" : "rights";
        put(FIRST_RIGHTS + at, forbidden ? pageFaultCode(errorCode(cpu, access, cause)) : 0);
      }
    }
    return faults;
  }
}

function fillHalves(lo: Int32Array, hi: Int32Array, at: number, entries: readonly bigint[]): void {
  for (const [level, entry] of entries.entries()) {
    lo[at + level] = Number(BigInt.asIntN(32, entry));
    hi[at + level] = Number(BigInt.asIntN(32, entry >> 32n));
  }
}
