/**
 * Which instructions live in the interpreter's own function. The smaller that function, the sooner
 * the host has compiled it well: with everything in it, it ran thirty times slower for seconds.
 * Everything else is a function of its own (apart.ts), written when code first asks for it.
 */
import type { InstructionRow } from "../decode/row.ts";
import type { Definition } from "../semantics/group.ts";

/** What transfers control has to be here; the rest is what programs execute most. */
const HOT: ReadonlySet<string> = new Set(
  [
    "jcc jmp call ret loop loope loopne jcxz",
    "mov movzx movsx movsxd lea push pop leave xchg cmovcc setcc cbw cwd nop",
    "add or adc sbb and sub xor cmp test inc dec neg not imul shl shr sar",
  ].flatMap((line) => line.split(" ")),
);

export function isHot(row: InstructionRow, definition: Definition): boolean {
  return definition.ends === true || HOT.has(row.semantic);
}
