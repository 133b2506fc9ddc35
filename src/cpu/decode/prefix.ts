/** Which bytes in front of an opcode are prefixes (SDM 2A, Instruction Prefixes). */

export const CLASS_OPCODE = 0;
export const CLASS_SEGMENT = 1;
export const CLASS_66 = 2;
export const CLASS_67 = 3;
export const CLASS_LOCK = 4;
export const CLASS_REP = 5;
export const CLASS_REX = 6;

function prefixClasses(mode64: boolean): Uint8Array {
  const classes = new Uint8Array(256).fill(CLASS_OPCODE);
  for (const byte of [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]) classes[byte] = CLASS_SEGMENT;
  classes[0x66] = CLASS_66;
  classes[0x67] = CLASS_67;
  classes[0xf0] = CLASS_LOCK;
  classes[0xf2] = CLASS_REP;
  classes[0xf3] = CLASS_REP;
  if (mode64) classes.fill(CLASS_REX, 0x40, 0x50);
  return classes;
}

/** The class of each first byte in 64-bit mode. */
export const PREFIX_CLASSES_64 = prefixClasses(true);
/** The class of each first byte outside 64-bit mode. */
export const PREFIX_CLASSES_LEGACY = prefixClasses(false);
