/**
 * The forms of entries that the access matrix goes through: for each, the entries of all levels
 * that translate the configuration's linear address.
 */
import type { MatrixConfig } from "./config.ts";
import type { Tier } from "./contexts.ts";

export interface Form {
  readonly tier: Tier;
  /** Top first, one for each table of the configuration; below a large page they are not used. */
  readonly entries: readonly bigint[];
}

const P = 1n;
const RW = 2n;
const US = 4n;
const A = 32n;
const D = 64n;
const PS = 128n;
const PAT_LARGE = 2n ** 12n;
const XD = 2n ** 63n;

/** Every sum of some of `bits`. */
function subsets(bits: readonly bigint[]): readonly bigint[] {
  let sums = [0n];
  for (const bit of bits) sums = sums.concat(sums.map((sum) => sum + bit));
  return sums;
}

function cross<X, Y>(xs: readonly X[], ys: readonly Y[]): readonly (readonly [X, Y])[] {
  return xs.flatMap((x) => ys.map((y) => [x, y] as const));
}

/** What differs between the entry formats of the paging modes. */
interface Flavour {
  /** The bits whose combinations give the rights of an entry, and its A and D. */
  readonly rights: readonly bigint[];
  /** Bits that must have no effect in an entry of a table, and in one of a page. */
  readonly tableNoise: bigint;
  readonly pageNoise: bigint;
  /** Additions to an address that stay lawful: the address's highest bit among them. */
  readonly high: readonly bigint[];
  /** Additions that set a reserved bit, in any entry. */
  readonly reserved: readonly bigint[];
}

function flavourOf(config: MatrixConfig): Flavour {
  if (config.paging === "32-bit") {
    return {
      rights: [RW, US, A, D],
      tableNoise: 0xd00n + 8n,
      pageNoise: 0xb00n + 16n,
      high: [2n ** 31n],
      reserved: [],
    };
  }
  const width = BigInt(config.maxPhyAddr);
  const beyond = [width, 45n, 51n].filter((bit) => bit >= width && bit < 52n);
  const reserved = [...new Set(beyond)].map((bit) => 2n ** bit);
  const high = [2n ** (width - 1n)];
  const rights = [RW, US, A, D, XD];
  if (config.paging === "PAE") {
    reserved.push(2n ** 52n, 2n ** 59n, 2n ** 62n);
    return { rights, tableNoise: 0xd00n + 8n, pageNoise: 0xb00n + 16n, high, reserved };
  }
  const key = BigInt(config.key);
  return {
    rights,
    // Bits 62:59 are a key only where the entry maps a page: the opposite key stands elsewhere.
    tableNoise: 0xd00n + 8n + 2n ** 54n + (15n - key) * 2n ** 59n,
    pageNoise: 0xb00n + 16n + 2n ** 52n + 2n ** 58n + key * 2n ** 59n,
    high,
    reserved,
  };
}

const FRAME_4K = 0x7654_3000n;
const FRAME_2M = 0x5a60_0000n;
const FRAME_4M = 0x5a80_0000n;
const FRAME_1G = 0x4000_0000n;

/** Builds the forms of one configuration. */
class FormBuilder {
  readonly #config: MatrixConfig;
  readonly #flavour: Flavour;
  readonly #forms: Form[] = [];

  constructor(config: MatrixConfig) {
    this.#config = config;
    this.#flavour = flavourOf(config);
  }

  build(): readonly Form[] {
    this.#pte();
    this.#pdeOfTable();
    if (this.#config.paging === "32-bit") this.#pdeOf4MBytePage();
    else this.#pdeOfPage();
    if (this.#config.paging === "4-level" || this.#config.paging === "5-level") {
      this.#pdpteOfPage();
      for (let position = 0; position < this.#pdePosition; position++) this.#upper(position);
    }
    return this.#forms.toSorted((x, y) => x.tier - y.tier);
  }

  get #pdePosition(): number {
    return this.#config.tables.length - 2;
  }

  get #rights(): readonly bigint[] {
    return subsets(this.#flavour.rights);
  }

  /** An entry of the table one level above `position + 1`. */
  #table(position: number, more = P + RW + US): bigint {
    return (this.#config.tables[position + 1] ?? 0n) + this.#flavour.tableNoise + more;
  }

  #page(frame: bigint, more: bigint): bigint {
    return frame + this.#flavour.pageNoise + more;
  }

  /** Default entries with the given ones put in from `position` on. */
  #add(tier: Tier, position: number, ...given: readonly bigint[]): void {
    const last = this.#config.tables.length - 1;
    const entries = this.#config.tables.map((_, at) => {
      const put = given[at - position];
      if (put !== undefined) return put;
      if (at === 0 && this.#config.paging === "PAE") return this.#config.pdptes[3] ?? 0n;
      if (at === last) return this.#page(FRAME_4K, P + RW + US);
      // Every second default entry has its A bit already.
      return this.#table(at, P + RW + US + (at % 2 === 0 ? A : 0n));
    });
    this.#forms.push({ tier, entries });
  }

  /** PTEs of all kinds below PDEs with all rights. */
  #pte(): void {
    const { high, reserved } = this.#flavour;
    const lawful = [0n, ...high.map((bit) => bit + PS)];
    for (const [above, rights] of cross(this.#rights, this.#rights)) {
      const pde = this.#table(this.#pdePosition, P + above);
      const add = (tier: Tier, more: bigint) =>
        this.#add(tier, this.#pdePosition, pde, this.#page(FRAME_4K, more));
      for (const more of lawful) add(0, P + rights + more);
      for (const more of reserved) add(2, P + rights + more);
      for (const more of [...lawful, ...reserved]) add(2, rights + more);
    }
  }

  /** PDEs that reference a table, or nothing, above a PTE that would allow all or nothing. */
  #pdeOfTable(): void {
    const { high, reserved } = this.#flavour;
    const position = this.#pdePosition;
    const ptes = [this.#page(FRAME_4K, P + RW + US), this.#page(FRAME_4K, RW + US)];
    for (const [rights, pte] of cross(this.#rights, ptes)) {
      const add = (more: bigint) =>
        this.#add(2, position, this.#table(position, rights + more), pte);
      for (const more of reserved) add(P + more);
      for (const more of high) add(P + more);
      for (const more of [0n, PS, ...high, ...reserved]) add(more);
    }
    if (this.#config.paging === "32-bit" && !this.#config.pse) {
      for (const rights of this.#rights) {
        this.#add(0, position, this.#table(position, P + PS + rights), ptes[0] ?? 0n);
      }
    }
  }

  /** PDEs that map a page. The PTE below must not matter. */
  #pdeOfPage(): void {
    const { high, reserved } = this.#flavour;
    const position = this.#pdePosition;
    for (const rights of this.#rights) {
      const add = (tier: Tier, more: bigint) =>
        this.#add(tier, position, this.#page(FRAME_2M, P + PS + rights + more), 0n);
      for (const more of [0n, ...high.map((bit) => bit + PAT_LARGE)]) add(0, more);
      const small = [2n ** 13n, 2n ** 13n + PAT_LARGE, 2n ** 17n, 2n ** 20n];
      for (const more of [...small, ...reserved]) add(2, more);
    }
  }

  #pdeOf4MBytePage(): void {
    if (!this.#config.pse) return;
    for (const rights of this.#rights) {
      const add = (tier: Tier, more: bigint) =>
        this.#add(tier, 0, this.#page(FRAME_4M, P + PS + rights + more), 0n);
      for (const more of [0n, PAT_LARGE]) add(0, more);
      // Address bits 39:32, some or all of which are reserved; bit 21 always is.
      for (let bit = 13n; bit <= 21n; bit++) add(1, 2n ** bit);
      for (const more of [0n, 2n ** 13n, 2n ** 21n]) {
        this.#add(2, 0, this.#page(FRAME_4M, PS + rights + more), 0n);
      }
    }
  }

  #pdpteOfPage(): void {
    const { high, reserved } = this.#flavour;
    const position = this.#pdePosition - 1;
    const small = [13n, 20n, 21n, 29n].map((bit) => 2n ** bit);
    for (const rights of this.#rights) {
      const add = (tier: Tier, more: bigint) =>
        this.#add(tier, position, this.#page(FRAME_1G, P + PS + rights + more), 0n, 0n);
      for (const more of [0n, ...high.map((bit) => bit + PAT_LARGE)]) add(1, more);
      for (const more of [...small, 2n ** 13n + PAT_LARGE, ...reserved]) add(2, more);
    }
  }

  /** Entries above the PDE that reference a table, or nothing. */
  #upper(position: number): void {
    const { high, reserved } = this.#flavour;
    const isPdpte = position === this.#pdePosition - 1;
    const skipped = this.#config.tables.slice(position + 1, this.#pdePosition);
    const between = skipped.map((_, at) => this.#table(position + 1 + at));
    const lower: readonly (readonly bigint[])[] = [
      [this.#table(this.#pdePosition), this.#page(FRAME_4K, P + RW + US)],
      [this.#table(this.#pdePosition, P + US), this.#page(FRAME_4K, P + RW + A)],
      [this.#page(FRAME_2M, P + PS + RW + US + D), 0n],
    ];
    for (const [rights, below] of cross(this.#rights, lower)) {
      const add = (tier: Tier, more: bigint) =>
        this.#add(tier, position, this.#table(position, rights + more), ...between, ...below);
      add(1, P);
      if (!isPdpte) add(2, P + PS);
      for (const more of [...reserved, ...high]) add(2, P + more);
      for (const more of [0n, PS, ...reserved]) add(2, more);
    }
  }
}

/** All forms of the configuration, by tier. */
export function formsOf(config: MatrixConfig): readonly Form[] {
  return new FormBuilder(config).build();
}
