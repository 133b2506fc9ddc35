/** Logical destinations (SDM 3A, "Logical Destination Mode" and "Logical x2APIC ID"). */

const FLAT_MODEL = 0xf;

/** The logical x2APIC ID: cluster in bits 31:16, one bit of 16 for the CPU in it. */
export function x2LogicalId(id: number): number {
  return (((id >>> 4) << 16) | (1 << (id & 15))) >>> 0;
}

export function matchesX2Logical(destination: number, logicalId: number): boolean {
  return destination >>> 16 === logicalId >>> 16 && (destination & logicalId & 0xffff) !== 0;
}

/** @param logicalRegister, formatRegister LDR and DFR: flat, or clusters of four with 15 for all */
export function matchesLogical(
  destination: number,
  logicalRegister: number,
  formatRegister: number,
): boolean {
  const logical = logicalRegister >>> 24;
  if (formatRegister >>> 28 === FLAT_MODEL) return (destination & logical) !== 0;
  const cluster = destination >>> 4;
  return (cluster === logical >>> 4 || cluster === 0xf) && (destination & logical & 0xf) !== 0;
}
