/**
 * Operand specifications in the notation of the manual's opcode map (SDM 2D, Key to
 * Abbreviations): a capital letter says where the operand is, a small one how big it is.
 *
 * | where | operand |
 * |---|---|
 * | `A` | far pointer in the instruction: offset in `imm`, selector in `imm2` |
 * | `B` | general register in VEX.vvvv: `vvvv` |
 * | `C` `D` | control, debug register in ModRM.reg: `reg` |
 * | `E` | general register `rm` (`mod` = 3) or memory |
 * | `G` | general register in ModRM.reg: `reg` |
 * | `I` `sI` | immediate, zero-extended or sign-extended: `imm`. `Iz` is sign-extended too |
 * | `I1` | the constant 1 |
 * | `J` | branch displacement, sign-extended: `imm` |
 * | `M` | memory by ModRM |
 * | `N` `Q` | MMX register `rm`; MMX register `rm` or memory |
 * | `O` | memory at an address in the instruction: `disp`, no base, no index |
 * | `P` | MMX register in ModRM.reg: `reg` |
 * | `R` | general register `rm` |
 * | `S` | segment register in ModRM.reg: `reg` 0..5 |
 * | `U` `W` | XMM register `rm`; XMM register `rm` or memory |
 * | `V` | XMM register in ModRM.reg: `reg` |
 * | `X` `Y` | memory at `segment`:rSI; at ES:rDI |
 * | `Z` | general register in the opcode: `rm` (`mod` = 3) |
 * | `Fx` | x87 register ST(`rm`) |
 * | upper-case names | that register: `AL` `CL` `AX` `DX` `ES` … `GS` `ST0`; `eAX` is AX or EAX by size `z`, `rAX` by size `v`; `BXAL` is XLAT's byte at `segment`:rBX+AL |
 *
 * | size | bytes |
 * |---|---|
 * | `b` `w` `d` `q` `x` `t` | 1, 2, 4, 8, 16, 10 |
 * | `v` | `operandBytes`: 2, 4 or 8 |
 * | `z` | 2 where `operandBytes` is 2, else 4 |
 * | `y` | 8 where `operandBytes` is 8, else 4 |
 * | `p` | far pointer: offset of size `v`, then a selector |
 * | `a` | two words of size `v` (BOUND) |
 * | `s` | limit and base of a descriptor table: 6 bytes, 10 in 64-bit mode |
 * | none | the address alone (LEA), or a size that is the instruction's own matter |
 *
 * `"Rv/Mw"` joins two specifications: the first holds when `mod` = 3, the second for memory.
 */
export type OperandSpec = string;

/** Where an operand is: the letters above, or `fixed` for a named register. */
export type OperandPlace =
  | "A"
  | "B"
  | "C"
  | "D"
  | "E"
  | "F"
  | "G"
  | "I"
  | "sI"
  | "I1"
  | "J"
  | "M"
  | "N"
  | "O"
  | "P"
  | "Q"
  | "R"
  | "S"
  | "U"
  | "V"
  | "W"
  | "X"
  | "Y"
  | "Z"
  | "fixed";

export interface OperandParts {
  readonly place: OperandPlace;
  /** Size letter, or the name of the fixed register. */
  readonly size: string;
}

const PLACED = /^(sI|[A-Z])([bwdqxtvzypas]?)$/;

/**
 * Splits a specification (one without `/`) into place and size.
 * @returns `{ place: "fixed", size: spec }` for a named register
 */
export function operandParts(spec: OperandSpec): OperandParts {
  if (spec === "I1") return { place: "I1", size: "" };
  if (spec === "Fx") return { place: "F", size: "t" };
  const match = PLACED.exec(spec);
  if (match === null) return { place: "fixed", size: spec };
  return { place: match[1] as OperandPlace, size: match[2] ?? "" };
}

/** The half of a joined specification that holds for a register or memory form. */
export function operandForForm(spec: OperandSpec, memory: boolean): OperandSpec {
  const slash = spec.indexOf("/");
  if (slash < 0) return spec;
  return memory ? spec.slice(slash + 1) : spec.slice(0, slash);
}

/**
 * The size in bytes that a size letter stands for.
 * @returns 0 for the letters whose size is the instruction's own matter (`s`, none)
 */
export function sizeBytesOf(size: string, operandBytes: number): number {
  switch (size) {
    case "b":
      return 1;
    case "w":
      return 2;
    case "d":
      return 4;
    case "q":
      return 8;
    case "x":
      return 16;
    case "t":
      return 10;
    case "v":
      return operandBytes;
    case "z":
      return operandBytes === 2 ? 2 : 4;
    case "y":
      return operandBytes === 8 ? 8 : 4;
    case "p":
      return operandBytes + 2;
    case "a":
      return 2 * operandBytes;
    default:
      return 0;
  }
}
