/** Resource descriptors for _CRS (ACPI specification, "Resource Data Types for ACPI"). */
import { type Aml, buffer, littleEndian } from "./aml.ts";

const END_TAG: Aml = [0x79, 0x00];
const PRODUCER = { minFixedMaxFixed: 0x0c } as const;
const MEMORY_READ_WRITE_CACHEABLE = 0x03;
const MEMORY_READ_WRITE = 0x01;
const ENTIRE_IO_RANGE = 0x03;
const TYPE = { memory: 0, io: 1, bus: 2 } as const;

/** The bytes of a resource template, as a buffer. */
export const template = (descriptors: readonly Aml[]): Aml =>
  buffer([...descriptors.flat(), ...END_TAG]);

/** An I/O port range that the device decodes with 16 bits. */
export const io = (base: number, bytes: number): Aml => [
  0x47,
  0x01,
  ...littleEndian(base, 2),
  ...littleEndian(base, 2),
  0x01,
  bytes,
];

/** ISA interrupt, edge, active high. */
export const irq = (line: number): Aml => [0x22, ...littleEndian(1 << line, 2)];

/** Bus numbers that a bridge hands out. */
export const busRange = (from: number, to: number): Aml =>
  addressSpace(0x88, 2, TYPE.bus, 0, from, to);

/** Ports that a bridge hands out. */
export const ioRange = (from: number, to: number): Aml =>
  addressSpace(0x88, 2, TYPE.io, ENTIRE_IO_RANGE, from, to);

/** Memory below 4 GiB that a bridge hands out. */
export const memoryRange = (from: number, to: number): Aml =>
  addressSpace(0x87, 4, TYPE.memory, MEMORY_READ_WRITE, from, to);

/** One range of RAM with 64-bit address; its minimum is at byte 14, maximum 22, length 38. */
export const ramRange = (from: number, to: number): Aml =>
  addressSpace(0x8a, 8, TYPE.memory, MEMORY_READ_WRITE_CACHEABLE, from, to);
export const RAM_RANGE = { minimum: 14, maximum: 22, length: 38 } as const;

/** Granularity, minimum, maximum, translation offset and length, in numbers of one width. */
function addressSpace(
  tag: number,
  width: number,
  type: number,
  typeFlags: number,
  from: number,
  to: number,
): Aml {
  const numbers = [0, from, to, 0, to - from + 1].flatMap((value) => littleEndian(value, width));
  const body = [type, PRODUCER.minFixedMaxFixed, typeFlags, ...numbers];
  return [tag, ...littleEndian(body.length, 2), ...body];
}
