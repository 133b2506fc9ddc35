/**
 * A machine as a library: runs a guest of a few bytes and watches its page walks and faults.
 *
 * The guest, in 64-bit mode under an identity map of 4 GiB, writes to an address that is mapped and
 * reads one that is not; without an interrupt table the page fault ends in a triple fault.
 */
import { bytesSource, describeAccess, describeFault, hex, Machine } from "../src/index.ts";

const CODE = Uint8Array.of(
  ...[0xb8, 0x2a, 0x00, 0x00, 0x00], // mov eax, 42
  ...[0x89, 0x04, 0x25, 0x00, 0x00, 0x20, 0x00], // mov [0x200000], eax
  ...[0x48, 0xa1, 0x10, 0x00, 0x00, 0x40, 0x01, 0x00, 0x00, 0x00], // mov rax, [0x140000010]
);

const machine = new Machine({ memoryBytes: 16 * 1024 * 1024, cpu: "max,-la57" });
machine.loadFlat({ image: bytesSource(CODE), address: 0x100000, mode: "long" });

const [processor] = machine.processors;
if (!processor) throw new Error("a machine has a processor");
const { cpu } = processor;
cpu.mmu.observer = {
  walked: (linear, access, fault) =>
    console.log(`walk ${hex(linear)}, ${describeAccess(access)}: ${describeFault(fault)}`),
};
cpu.onEvent = ({ vector }) => console.log(`exception ${vector} at ${hex(cpu.state.rip)}`);

const stop = machine.run({ maxInstructions: 1000 });
console.log(`stopped: ${stop.reason} after ${machine.instructions} instructions`);
console.log(`memory at 0x200000: ${machine.memory.read32(0x200000)}`);
