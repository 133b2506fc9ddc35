import { beforeEach, describe, expect, it } from "vitest";
import { Clock } from "../../../src/machine/clock.ts";
import { Uart } from "../../../src/machine/devices/uart.ts";

const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const FCR = IIR;

let clock: Clock;
let uart: Uart;
let line: boolean[];
let sent: number[];
let accepts: boolean;
let readable: number;

const out = (offset: number, value: number) => uart.write(offset, 1, value);
const irq = () => line.at(-1) ?? false;

beforeEach(() => {
  clock = new Clock();
  line = [];
  sent = [];
  accepts = true;
  readable = 0;
  const host = {
    send(byte: number) {
      if (accepts) sent.push(byte);
      return accepts;
    },
    readable: () => {
      readable += 1;
    },
  };
  uart = new Uart(clock, "com1", host, (asserted) => line.push(asserted));
  out(MCR, 0x08);
});

describe("16550A, registers", () => {
  it("has the reset values of the data sheet", () => {
    uart.reset();
    expect([1, 2, 3, 4, 5, 6].map((offset) => uart.read(offset))).toEqual([
      0x00, 0x01, 0x00, 0x00, 0x60, 0xb0,
    ]);
  });

  it("keeps scratch, the divisor behind DLAB, and only the low bits of IER and MCR", () => {
    out(SCRATCH, 0xa5);
    out(LCR, 0x83);
    out(DATA, 0x0c);
    out(IER, 0x01);
    expect([uart.read(DATA), uart.read(IER)]).toEqual([0x0c, 0x01]);
    out(LCR, 0x03);
    out(IER, 0xff);
    out(MCR, 0xef);
    expect([SCRATCH, LCR, IER, MCR].map((offset) => uart.read(offset))).toEqual([
      0xa5, 0x03, 0x0f, 0x0f,
    ]);
    expect(uart.state.divisor).toBe(0x010c);
  });

  it("shows enabled FIFOs in IIR 7:6", () => {
    out(FCR, 0x01);
    expect(uart.read(IIR)).toBe(0xc1);
    out(FCR, 0xc0);
    expect(uart.read(IIR)).toBe(0x01);
  });
});

describe("16550A, transmitter", () => {
  it("sends at once and is empty again", () => {
    out(DATA, 0x41);
    expect([sent, uart.read(LSR)]).toEqual([[0x41], 0x60]);
  });

  it("requests when IER.1 is set with an empty register; reading IIR takes it away", () => {
    out(IER, 0x02);
    expect(irq()).toBe(true);
    expect([uart.read(IIR), irq(), uart.read(IIR)]).toEqual([0x02, false, 0x01]);
  });

  it("lowers and raises its line for each byte, so that an edge is seen", () => {
    out(IER, 0x02);
    line.length = 0;
    out(DATA, 0x41);
    expect(line).toEqual([false, true]);
  });

  it("stays busy while the host takes nothing, and loses nothing", () => {
    accepts = false;
    out(FCR, 0x01);
    out(IER, 0x02);
    uart.read(IIR);
    for (let byte = 0; byte < 16; byte++) out(DATA, byte);
    expect([uart.read(LSR), irq(), sent]).toEqual([0x00, false, []]);
    accepts = true;
    uart.resume();
    expect([uart.read(LSR), irq()]).toEqual([0x60, true]);
    expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
  });
});

describe("16550A, receiver", () => {
  it("without FIFO holds one byte and asks the host to wait", () => {
    out(IER, 0x01);
    expect([uart.receive(0x61), uart.receive(0x62)]).toEqual([true, false]);
    expect([irq(), uart.read(IIR), uart.read(LSR)]).toEqual([true, 0x04, 0x61]);
    expect([uart.read(DATA), irq(), readable]).toEqual([0x61, false, 1]);
  });

  it("requests at the trigger level of the FIFO", () => {
    out(FCR, 0x81);
    out(IER, 0x01);
    for (let byte = 0; byte < 7; byte++) uart.receive(byte);
    expect(irq()).toBe(false);
    uart.receive(7);
    expect([irq(), uart.read(IIR)]).toEqual([true, 0xc4]);
    uart.read(DATA);
    expect(irq()).toBe(false);
  });

  it("times out after four characters below the trigger level, until one is read", () => {
    out(LCR, 0x03);
    out(FCR, 0xc1);
    out(IER, 0x01);
    uart.receive(0x61);
    // Four characters of 10 bits at 115,200 baud.
    clock.advanceTo(347222);
    expect(irq()).toBe(false);
    clock.advanceTo(347223);
    expect([irq(), uart.read(IIR)]).toEqual([true, 0xcc]);
    expect([uart.read(DATA), irq(), uart.read(IIR)]).toEqual([0x61, false, 0xc1]);
  });

  it("fills 16 deep, then asks for more when it is empty", () => {
    out(FCR, 0x01);
    let byte = 0;
    while (uart.receive(byte)) byte += 1;
    expect(byte).toBe(16);
    for (let i = 0; i < 16; i++) expect(uart.read(DATA)).toBe(i);
    expect(readable).toBe(1);
    expect(uart.read(LSR)).toBe(0x60);
  });

  it("reports a break with a line-status interrupt that reading LSR ends", () => {
    out(IER, 0x04);
    uart.receiveBreak();
    expect([irq(), uart.read(IIR), uart.read(LSR), irq()]).toEqual([true, 0x06, 0x71, false]);
    expect([uart.read(DATA), uart.read(LSR)]).toEqual([0, 0x60]);
  });

  it("empties its FIFO on FCR.1 and on a change of FCR.0", () => {
    out(FCR, 0x01);
    uart.receive(1);
    out(FCR, 0x03);
    expect(uart.read(LSR)).toBe(0x60);
    uart.receive(1);
    out(FCR, 0x00);
    expect(uart.read(LSR)).toBe(0x60);
  });
});

describe("16550A, modem and loopback", () => {
  it("loops bytes back, sending none, and keeps the host's out", () => {
    out(MCR, 0x18);
    out(DATA, 0x5a);
    expect([uart.receive(1), uart.read(LSR), uart.read(DATA), sent]).toEqual([
      false,
      0x61,
      0x5a,
      [],
    ]);
    out(MCR, 0x08);
    expect(readable).toBe(1);
  });

  it("overruns in loopback, where nobody waits", () => {
    out(MCR, 0x10);
    out(DATA, 1);
    out(DATA, 2);
    expect([uart.read(LSR), uart.read(DATA), uart.read(LSR)]).toEqual([0x63, 2, 0x60]);
  });

  it("shows MCR's outputs as modem inputs in loopback, with their deltas", () => {
    uart.read(MSR);
    out(MCR, 0x1f);
    expect(uart.read(MSR)).toBe(0xf0);
    out(MCR, 0x10);
    expect([uart.read(MSR), uart.read(MSR)]).toEqual([0x0f, 0x00]);
  });

  it("interrupts on a modem change", () => {
    out(IER, 0x08);
    out(MCR, 0x10);
    out(MCR, 0x08);
    expect([irq(), uart.read(IIR), uart.read(MSR) & 0x0b, irq()]).toEqual([
      true,
      0x00,
      0x0b,
      false,
    ]);
  });

  it("is cut off from the interrupt controller without OUT2", () => {
    out(MCR, 0x00);
    out(IER, 0x02);
    expect([irq(), uart.read(IIR)]).toEqual([false, 0x02]);
  });

  it("names the interrupt of highest priority first", () => {
    out(IER, 0x0f);
    out(MCR, 0x10);
    out(MCR, 0x08);
    uart.receiveBreak();
    const causes = [uart.read(IIR)];
    uart.read(LSR);
    causes.push(uart.read(IIR));
    uart.read(DATA);
    causes.push(uart.read(IIR), uart.read(IIR));
    uart.read(MSR);
    causes.push(uart.read(IIR));
    expect(causes).toEqual([0x06, 0x04, 0x02, 0x00, 0x01]);
  });
});
