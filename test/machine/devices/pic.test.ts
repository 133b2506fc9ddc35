import { beforeEach, describe, expect, it } from "vitest";
import { PicPair } from "../../../src/machine/devices/pic.ts";

let intr: boolean[];
let pics: PicPair;

/** ICW1..4 as PC firmware writes them: vectors 0x20 and 0x28, cascade on 2. */
function initialise(icw4 = 0x01) {
  for (const [chip, base, wiring] of [
    [pics.master, 0x20, 4],
    [pics.slave, 0x28, 2],
  ] as const) {
    chip.write(0, 1, 0x11);
    chip.write(1, 1, base);
    chip.write(1, 1, wiring);
    chip.write(1, 1, icw4);
  }
}

beforeEach(() => {
  intr = [];
  pics = new PicPair((asserted) => intr.push(asserted));
  initialise();
});

const raise = (...irqs: number[]) =>
  irqs.forEach((irq) => {
    pics.setLine(irq, true);
  });
const lower = (...irqs: number[]) =>
  irqs.forEach((irq) => {
    pics.setLine(irq, false);
  });
const eoi = () => pics.master.write(0, 1, 0x20);

describe("8259A, edge mode", () => {
  it("requests on a rising edge once, and acknowledges with base and input", () => {
    raise(1);
    expect(intr).toEqual([true]);
    expect(pics.acknowledge()).toBe(0x21);
    expect(pics.master.state.inService).toBe(0x02);
    eoi();
    expect(pics.asserted).toBe(false);
    lower(1);
    raise(1);
    expect(pics.asserted).toBe(true);
  });

  it("serves the highest priority first and lets only higher ones nest", () => {
    raise(5, 3);
    expect(pics.acknowledge()).toBe(0x23);
    expect(pics.asserted).toBe(false);
    raise(0);
    expect(pics.acknowledge()).toBe(0x20);
    eoi();
    expect(pics.master.state.inService).toBe(0x08);
    expect(pics.asserted).toBe(false);
    eoi();
    expect(pics.acknowledge()).toBe(0x25);
  });

  it("keeps a masked request and raises INT when the mask opens", () => {
    pics.master.write(1, 1, 0x10);
    raise(4);
    expect(pics.asserted).toBe(false);
    expect(pics.master.read(1)).toBe(0x10);
    pics.master.write(1, 1, 0);
    expect(pics.asserted).toBe(true);
  });

  it("answers spurious input 7, not in service, when the input fell before acknowledge", () => {
    raise(4);
    lower(4);
    expect(intr).toEqual([true, false]);
    expect(pics.acknowledge()).toBe(0x27);
    expect(pics.master.state.inService).toBe(0);
  });

  it("needs a new edge after ICW1", () => {
    raise(4);
    initialise();
    expect(pics.asserted).toBe(false);
  });
});

describe("8259A pair", () => {
  it("cascades: both in service, and both need an EOI", () => {
    raise(12);
    expect(pics.acknowledge()).toBe(0x2c);
    expect([pics.master.state.inService, pics.slave.state.inService]).toEqual([0x04, 0x10]);
    pics.slave.write(0, 1, 0x20);
    eoi();
    expect([pics.master.state.inService, pics.slave.state.inService]).toEqual([0, 0]);
  });

  it("answers spurious 15 when the slave's request is gone, with the cascade in service", () => {
    pics.master.setLine(2, true);
    expect(pics.acknowledge()).toBe(0x2f);
    expect([pics.master.state.inService, pics.slave.state.inService]).toEqual([0x04, 0]);
  });

  it("lets a higher request of the same slave in only in special fully nested mode", () => {
    raise(12);
    pics.acknowledge();
    raise(9);
    expect(pics.asserted).toBe(false);
    lower(9, 12);
    initialise(0x11);
    raise(12);
    pics.acknowledge();
    raise(9);
    expect(pics.acknowledge()).toBe(0x29);
  });
});

describe("8259A, operation words", () => {
  it("reads IRR or ISR as OCW3 chose", () => {
    raise(3, 6);
    pics.acknowledge();
    expect(pics.master.read(0)).toBe(0x40);
    pics.master.write(0, 1, 0x0b);
    expect(pics.master.read(0)).toBe(0x08);
    pics.master.write(0, 1, 0x0a);
    expect(pics.master.read(0)).toBe(0x40);
  });

  it("ends a specific input, and rotates its priority to the lowest", () => {
    raise(1, 4);
    pics.acknowledge();
    pics.master.write(0, 1, 0xe1);
    expect(pics.master.state).toMatchObject({ inService: 0, lowest: 1 });
    lower(1);
    raise(1, 2);
    expect(pics.acknowledge()).toBe(0x24);
  });

  it("rotates on a non-specific EOI, and sets priority without one", () => {
    raise(4);
    pics.acknowledge();
    pics.master.write(0, 1, 0xa0);
    expect(pics.master.state.lowest).toBe(4);
    pics.master.write(0, 1, 0xc2);
    expect(pics.master.state.lowest).toBe(2);
    raise(0, 3);
    expect(pics.acknowledge()).toBe(0x23);
  });

  it("keeps nothing in service with automatic EOI, rotating when told", () => {
    initialise(0x03);
    pics.master.write(0, 1, 0x80);
    raise(5);
    expect(pics.acknowledge()).toBe(0x25);
    expect(pics.master.state).toMatchObject({ inService: 0, lowest: 5 });
    pics.master.write(0, 1, 0x00);
    expect(pics.master.state.rotateOnAutoEoi).toBe(false);
  });

  it("lets lower priorities through in special mask mode, when the one served is masked", () => {
    raise(3);
    pics.acknowledge();
    raise(6);
    pics.master.write(1, 1, 0x08);
    expect(pics.asserted).toBe(false);
    pics.master.write(0, 1, 0x68);
    expect(pics.acknowledge()).toBe(0x26);
    eoi();
    expect(pics.master.state.inService).toBe(0x08);
    pics.master.write(0, 1, 0x48);
    expect(pics.master.state.specialMask).toBe(false);
  });

  it("polls: bit 7 and the input, taken into service; 0 without a request", () => {
    raise(6);
    pics.master.write(0, 1, 0x0c);
    expect(pics.master.read(0)).toBe(0x86);
    expect(pics.master.state.inService).toBe(0x40);
    pics.master.write(0, 1, 0x0c);
    expect(pics.master.read(0)).toBe(0);
  });
});

describe("8259A, level mode", () => {
  it("requests again after EOI while an ELCR input is high", () => {
    pics.edgeLevel.write(1, 1, 0xff);
    pics.edgeLevel.write(0, 1, 0xff);
    expect([pics.edgeLevel.read(0, 1), pics.edgeLevel.read(1, 1)]).toEqual([0xf8, 0xde]);
    raise(9);
    expect(pics.acknowledge()).toBe(0x29);
    pics.slave.write(0, 1, 0x20);
    eoi();
    expect(pics.acknowledge()).toBe(0x29);
    lower(9);
    pics.slave.write(0, 1, 0x20);
    eoi();
    expect(pics.asserted).toBe(false);
  });

  it("treats every input as level with ICW1's LTIM", () => {
    pics.master.write(0, 1, 0x19);
    for (const word of [0x20, 4, 1]) pics.master.write(1, 1, word);
    raise(3);
    pics.acknowledge();
    eoi();
    expect(pics.acknowledge()).toBe(0x23);
  });
});
