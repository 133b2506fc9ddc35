/** The type of a group of instructions that TypeScript executes. */
import type { Cpu } from "../cpu.ts";
import type { HelperFunction, HelperGroup } from "../engine/helper-table.ts";

export type SystemFunction = HelperFunction<Cpu>;
/** Key: `InstructionRow.semantic`. */
export type SystemGroup = HelperGroup<Cpu>;
