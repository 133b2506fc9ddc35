/** How a group of instructions states what its instructions mean. */
import type { Semantic } from "../builder/shape.ts";

export interface Definition {
  readonly emit: Semantic;
  /** Control never falls through to the next instruction: a block ends here. */
  readonly ends?: true;
  /** The meaning depends on the address size by more than the memory operand. */
  readonly byAddressSize?: true;
  /** The meaning depends on the operand size by nothing but its operands: `i.size` says nothing. */
  readonly anySize?: true;
  /** The meaning differs between 64-bit mode and the others (stack width, for one). */
  readonly byMode?: true;
}

/** Key: `InstructionRow.semantic`. */
export type SemanticGroup = Readonly<Record<string, Definition>>;
