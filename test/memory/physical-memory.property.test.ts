/** Physical memory against a model that knows pages and nothing else, over random operations. */
import fc from "fast-check";
import { describe, it } from "vitest";
import type { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { checkProperty, runsOf } from "../support/property.ts";
import { CHUNK, memoryOf, PAGE, SECTION } from "./support.ts";

/** What a page is to the model; absent pages have none. */
interface ModelPage {
  readonly bytes: Uint8Array;
  readonly kind: "ram" | "rom" | "dimm";
}

/** Pages in a Map. A device answers each byte with a constant and takes no writes. */
class Model {
  readonly pages = new Map<number, ModelPage>();
  readonly devices = new Map<number, { value: number; end: () => void }>();
  readonly watched = new Map<number, () => void>();
  /** Pages that were told written, sorted, since the last time that somebody took them. */
  told: number[] = [];

  read(at: number, bytes: number): Uint8Array {
    const into = new Uint8Array(bytes).fill(0xff);
    forEachPage(at, bytes, (page, within, offset, piece) => {
      const device = this.devices.get(page)?.value;
      const source = this.pages.get(page)?.bytes.subarray(within, within + piece);
      if (device !== undefined) into.fill(device, offset, offset + piece);
      else if (source) into.set(source, offset);
    });
    return into;
  }

  write(at: number, values: Uint8Array): void {
    forEachPage(at, values.length, (page, within, offset, piece) => {
      const found = this.pages.get(page);
      if (this.devices.has(page) || found === undefined || found.kind === "rom") return;
      found.bytes.set(values.subarray(offset, offset + piece), within);
      if (this.watched.has(page)) this.told.push(page);
    });
  }

  add(base: number, bytes: number, kind: ModelPage["kind"]): void {
    for (let page = base / PAGE; page < (base + bytes) / PAGE; page++) {
      this.pages.set(page, { bytes: new Uint8Array(PAGE).fill(kind === "rom" ? 0x99 : 0), kind });
    }
  }

  isFree(base: number, bytes: number): boolean {
    for (let page = base / PAGE; page < (base + bytes) / PAGE; page++) {
      if (this.pages.has(page)) return false;
    }
    return true;
  }
}

function forEachPage(
  at: number,
  bytes: number,
  each: (page: number, within: number, offset: number, piece: number) => void,
): void {
  for (let offset = 0; offset < bytes; ) {
    const within = (at + offset) % PAGE;
    const piece = Math.min(PAGE - within, bytes - offset);
    each((at + offset - within) / PAGE, within, offset, piece);
    offset += piece;
  }
}

/**
 * Sections are far too large for a model of pages, so only a part of each is looked at:
 * operations fall on the edges of the first chunks of a few sections, none of them neighbours.
 */
const SECTIONS = [0, 2 * SECTION, 2 ** 32, 2 ** 39 + 3 * SECTION];
const WINDOW = 4 * CHUNK;

const base = fc.constantFrom(...SECTIONS);
const edge = fc.constantFrom(0, PAGE, 2 * PAGE, CHUNK - PAGE, CHUNK, CHUNK + PAGE, 2 * CHUNK);
const address = fc
  .tuple(base, edge, fc.integer({ min: -9, max: 9 }))
  .map(([section, from, delta]) => Math.max(0, section + from + delta));
const page = fc.tuple(base, fc.nat({ max: WINDOW / PAGE - 1 })).map(([b, n]) => b + n * PAGE);
const length = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: CHUNK + PAGE }));
const pages = fc.integer({ min: 1, max: 20 });
const byte = fc.nat({ max: 255 });
const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

interface Machine {
  readonly memory: PhysicalMemory;
  readonly model: Model;
  readonly written: number[];
}

interface Operation {
  run(machine: Machine): void;
  /** How fast-check prints it. */
  [fc.toStringMethod](): string;
}

function operation<T>(
  name: string,
  args: fc.Arbitrary<T>,
  run: (machine: Machine, args: T) => void,
): fc.Arbitrary<Operation> {
  return args.map((value) => ({
    run: (machine) => run(machine, value),
    [fc.toStringMethod]: () => `${name} ${fc.stringify(value)}`,
  }));
}

function wordBytes(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** The writes of the four widths, by the binary logarithm of their bytes. */
const WRITES: readonly ((memory: PhysicalMemory, at: number, value: bigint) => void)[] = [
  (memory, at, value) => memory.write8(at, Number(value & 0xffn)),
  (memory, at, value) => memory.write16(at, Number(value & 0xffffn)),
  (memory, at, value) => memory.write32(at, Number(value & 0xffff_ffffn)),
  (memory, at, value) => memory.write64(at, value),
];

const READS: readonly ((memory: PhysicalMemory, at: number) => bigint)[] = [
  (memory, at) => BigInt(memory.read8(at)),
  (memory, at) => BigInt(memory.read16(at)),
  (memory, at) => BigInt(memory.read32(at)),
  (memory, at) => memory.read64(at),
];

const width = fc.nat({ max: 3 });

const operations: fc.Arbitrary<Operation>[] = [
  operation("write", fc.tuple(width, address, word), ({ memory, model }, [log, at, value]) => {
    WRITES[log]?.(memory, at, value);
    model.write(at, wordBytes(value, 2 ** log));
  }),
  operation("read", fc.tuple(width, address), ({ memory, model }, [log, at]) => {
    const got = wordBytes(READS[log]?.(memory, at) as bigint, 2 ** log);
    expectSame(`read of ${2 ** log} bytes at ${at}`, got, model.read(at, 2 ** log));
  }),
  operation("fill", fc.tuple(address, length, byte), ({ memory, model }, [at, bytes, value]) => {
    memory.fill(at, bytes, value);
    model.write(at, new Uint8Array(bytes).fill(value));
  }),
  operation("writeBytes", fc.tuple(address, length, byte), (machine, [at, bytes, salt]) => {
    const data = Uint8Array.from({ length: bytes }, (_, i) => i * 7 + salt);
    machine.memory.writeBytes(at, data);
    machine.model.write(at, data);
  }),
  operation("copy", fc.tuple(address, address, length), ({ memory, model }, [to, from, bytes]) => {
    memory.copy(to, from, bytes);
    model.write(to, model.read(from, bytes));
  }),
  operation("readBytes", fc.tuple(address, length), ({ memory, model }, [at, bytes]) => {
    const into = new Uint8Array(bytes);
    memory.readBytes(at, into);
    expectSame(`readBytes at ${at}`, into, model.read(at, bytes));
  }),
  operation("mapRam", fc.tuple(page, pages, fc.boolean()), (machine, [at, count, rom]) => {
    const end = Math.floor(at / SECTION) * SECTION + WINDOW;
    const bytes = Math.min(count * PAGE, end - at);
    if (!machine.model.isFree(at, bytes)) return;
    if (rom) machine.memory.mapRam(at, bytes, { rom, contents: (_at, into) => into.fill(0x99) });
    else machine.memory.mapRam(at, bytes);
    machine.model.add(at, bytes, rom ? "rom" : "ram");
  }),
  operation("plug or unplug", base, ({ memory, model }, at) => {
    if (model.pages.get(at / PAGE)?.kind === "dimm") {
      memory.unplug(at, SECTION);
      for (let i = 0; i < WINDOW / PAGE; i++) model.pages.delete(at / PAGE + i);
    } else if (model.isFree(at, WINDOW)) {
      memory.plug(at, SECTION);
      model.add(at, WINDOW, "dimm");
    }
  }),
  operation("mapMmio", fc.tuple(page, byte), ({ memory, model }, [at, value]) => {
    if (model.devices.has(at / PAGE)) return;
    const end = memory.mapMmio(at, PAGE, { read: () => value * 0x0101_0101, write: () => {} });
    model.devices.set(at / PAGE, { value, end });
  }),
  operation("end of a device", page, ({ model }, at) => {
    model.devices.get(at / PAGE)?.end();
    model.devices.delete(at / PAGE);
  }),
  operation("watch or its end", page, ({ memory, model, written }, at) => {
    const end = model.watched.get(at / PAGE);
    end?.();
    if (end) model.watched.delete(at / PAGE);
    else {
      const told = (to: number) => written.push(Math.floor(to / PAGE));
      model.watched.set(at / PAGE, memory.watch(at, told));
    }
  }),
];

function expectSame(what: string, got: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(got, expected) === 0) return;
  const at = got.findIndex((value, i) => value !== expected[i]);
  throw new Error(`${what}: byte ${at}: expected ${expected[at]}, got ${got[at]}`);
}

describe("Physical memory, against a map of pages", () => {
  it("agrees after any sequence of operations, and tells of the same writes", () => {
    const sequence = fc.array(fc.oneof(...operations), { minLength: 5, maxLength: 60 });
    const property = fc.property(sequence, (steps) => {
      const memory = memoryOf(24);
      const model = new Model();
      const written: number[] = [];
      for (const step of steps) {
        step.run({ memory, model, written });
        const told = written.splice(0).sort((a, b) => a - b);
        const expected = model.told.splice(0).sort((a, b) => a - b);
        if (`${told}` !== `${expected}`) {
          throw new Error(`pages told written: expected ${expected}, got ${told}`);
        }
      }
      const into = new Uint8Array(WINDOW);
      for (const section of SECTIONS) {
        memory.readBytes(section, into);
        expectSame(`section at ${section}`, into, model.read(section, WINDOW));
      }
    });
    checkProperty("physical memory against a map of pages", property, runsOf(200));
  });
});
