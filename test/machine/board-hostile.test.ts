/** A guest that writes anything anywhere: the board neither throws nor hangs, and repeats itself. */
import { describe, expect, it } from "vitest";
import { Board } from "../../src/machine/board.ts";
import { PORTS } from "../../src/machine/board-description.ts";
import type { AccessBytes } from "../../src/machine/port-bus.ts";
import { PhysicalMemory } from "../../src/memory/physical-memory.ts";
import { recordingPort } from "./devices/apic-rig.ts";
import { recordingControl } from "./devices/recording-control.ts";

const MIB = 1024 * 1024;
const OPERATIONS = process.env.PML5_TEST_ALL === "1" ? 2_000_000 : 30_000;
const SEEDS = [1, 2024];

/** A 32-bit generator (xorshift). */
function generator(seed: number) {
  let x = seed | 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

function hostileRun(seed: number): string {
  const memory = new PhysicalMemory({ linearBytes: 256 * MIB, addressBits: 40 });
  const control = recordingControl();
  const sent: number[] = [];
  const board = new Board({
    memory,
    ramBytes: 16 * MIB,
    cpuCount: 2,
    maxPhyAddr: 46,
    control,
    serial: { send: (byte) => sent.push(byte) % 7 > 0 },
    startSeconds: 1e9,
  });
  const apics = [0, 1].map((i) => board.attachProcessor(recordingPort(board.clock, [], `${i}`)));
  board.plugDimm(2 ** 39, 128 * MIB, false);
  const random = generator(seed);
  const bases = [...Object.values(PORTS), 0x2000, 0xe0];
  // Small and structured values reach more than wholly random ones.
  const value = () => (random() & 1 ? random() : random() & 0xff) >>> 0;
  for (let i = 0; i < OPERATIONS; i++) {
    const what = random() % 16;
    const port = (bases[random() % bases.length] as number) + (random() % 24);
    const bytes = [1, 1, 2, 4][random() % 4] as AccessBytes;
    const apic = apics[random() % 2];
    const page = [0xfec00000, 0xfee00000][random() % 2] as number;
    if (what < 6) board.ports.write(port, bytes, value());
    else if (what < 9) board.ports.read(port, bytes);
    else if (what < 11) memory.write32(page + (random() & 0xff0), value());
    else if (what === 11) memory.read32(page + (random() & 0xfff));
    else if (what === 12) apic?.writeMsr(0x800 + (random() & 0x3f), BigInt(value()));
    else if (what === 13 && apic?.interruptPending) apic.acknowledge();
    else if (what === 14) board.clock.advanceTo(board.clock.now + (random() % 1e6));
    else if (what === 15 && random() % 64 === 0) {
      apic?.writeBase([0xfee00900n, 0xfee00100n, 0xfee00d00n, 0xfec00900n][random() % 4] as bigint);
    }
    if (i % 1000 === 0) board.uart.receive(i & 0xff);
  }
  expect(board.uart.state.received.length).toBeLessThanOrEqual(16);
  expect(board.uart.state.toSend.length).toBeLessThanOrEqual(16);
  const states = Object.values(board.devices).map((device) => device.state);
  return JSON.stringify([board.clock.save(), sent.length, control.log.length, states]);
}

describe(`Board, ${OPERATIONS} hostile operations each from seeds ${SEEDS.join(", ")}`, () => {
  it("never throws, and two runs of one seed end in the same state", () => {
    for (const seed of SEEDS) expect(hostileRun(seed)).toBe(hostileRun(seed));
  });
});
