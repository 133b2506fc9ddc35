/** The MADT: processors and interrupt controllers (ACPI, "Multiple APIC Description Table"). */
import { littleEndian } from "./aml.ts";

export interface SourceOverride {
  readonly irq: number;
  readonly gsi: number;
  readonly level: boolean;
}

export interface MadtOptions {
  readonly localApicBase: number;
  readonly ioApicBase: number;
  /** APIC identifiers in the order of the CPUs. */
  readonly apicIds: readonly number[];
  /** ISA interrupts that do not arrive at the pin of their number, edge-triggered. */
  readonly overrides: readonly SourceOverride[];
}

const TYPE = { localApic: 0, ioApic: 1, override: 2, localNmi: 4, localX2Apic: 9 } as const;
const HAS_8259 = 1;
const ENABLED = 1;
const ALL_PROCESSORS = 0xff;
/** Active high, and edge or level. */
const EDGE = 0x05;
const LEVEL = 0x0d;
/** Identifiers from here up need x2APIC. */
const FIRST_X2_ID = 0xff;

export function madtBody(options: MadtOptions): Uint8Array {
  const { apicIds, localApicBase, ioApicBase, overrides } = options;
  const bytes = [
    ...littleEndian(localApicBase, 4),
    ...littleEndian(HAS_8259, 4),
    ...apicIds.flatMap(processor),
    ...[TYPE.ioApic, 12, 0, 0, ...littleEndian(ioApicBase, 4), ...littleEndian(0, 4)],
    ...overrides.flatMap(({ irq, gsi, level }) => [
      ...[TYPE.override, 10, 0, irq],
      ...littleEndian(gsi, 4),
      ...littleEndian(level ? LEVEL : EDGE, 2),
    ]),
    // NMI at LINT1 of all, edge, active high.
    ...[TYPE.localNmi, 6, ALL_PROCESSORS, ...littleEndian(EDGE, 2), 1],
  ];
  return Uint8Array.from(bytes);
}

function processor(id: number, uid: number): number[] {
  if (id < FIRST_X2_ID) return [TYPE.localApic, 8, uid, id, ...littleEndian(ENABLED, 4)];
  const words = [id, ENABLED, uid].flatMap((word) => littleEndian(word, 4));
  return [TYPE.localX2Apic, 16, 0, 0, ...words];
}
