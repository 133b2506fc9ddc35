/** Instructions that TypeScript executes: system instructions and what is too rare to generate. */
import { DecodedInstruction } from "../decode/decoded.ts";
import { instructionRows } from "../decode/rows.ts";

/**
 * Executes one instruction. The rip cell already holds the next instruction's address; a helper
 * that jumps sets it.
 * @returns 0, or a fault (see mmu/fault.ts); on a fault nothing architectural has been written
 */
export type HelperFunction<Cpu> = (cpu: Cpu, instruction: DecodedInstruction) => number;

export interface Helper<Cpu = unknown> {
  readonly run: HelperFunction<Cpu>;
  /**
   * Execution may go on in the same block: the instruction changes nothing that translation, code
   * or the engine's budget depends on, and goes to the next instruction.
   */
  readonly continues?: true;
  /**
   * Otherwise: whether execution may go on in generated code once the next instruction has been
   * looked up anew. The instruction may change translation and code, but nothing that the processor
   * looks at between instructions: events, flags that trap, its activity.
   */
  readonly looksUp?: (instruction: DecodedInstruction) => boolean;
}

/** What becomes of control after a helper; a fault is positive. */
export const CONTINUE = 0;
export const LEAVE = -1;
export const LOOK_UP = -2;

export type HelperGroup<Cpu> = Readonly<Record<string, Helper<Cpu>>>;

interface Kept<Cpu> {
  readonly instruction: DecodedInstruction;
  readonly helper: Helper<Cpu>;
  readonly privileged: boolean;
  /** CONTINUE, LEAVE or LOOK_UP. */
  readonly outcome: number;
}

const GP_ZERO = 13 << 16;

/** Finds helpers by semantic and keeps the decoded instructions that records refer to. */
export class HelperTable<Cpu> {
  readonly #group: HelperGroup<Cpu>;
  readonly #cplOf: (cpu: Cpu) => number;
  #kept: Kept<Cpu>[] = [];

  constructor(group: HelperGroup<Cpu>, cplOf: (cpu: Cpu) => number) {
    this.#group = group;
    this.#cplOf = cplOf;
  }

  find(semantic: string): Helper<Cpu> | undefined {
    return this.#group[semantic];
  }

  /** Keeps a copy of an instruction that has a helper. @returns its number */
  keep(instruction: DecodedInstruction, helper: Helper<Cpu>): number {
    const privileged = instructionRows[instruction.row]?.privileged === true;
    const copy = Object.assign(new DecodedInstruction(), instruction);
    const outcome = outcomeOf(helper, copy);
    return this.#kept.push({ instruction: copy, helper, privileged, outcome }) - 1;
  }

  /**
   * Executes a kept instruction.
   * @returns a fault, CONTINUE, LEAVE or LOOK_UP
   */
  execute(cpu: Cpu, number: number): number {
    const { instruction, helper, privileged, outcome } = this.#kept[number] as Kept<Cpu>;
    if (privileged && this.#cplOf(cpu) !== 0) return GP_ZERO;
    const fault = helper.run(cpu, instruction);
    return fault !== 0 ? fault : outcome;
  }

  /** Forgets all copies. */
  clear(): void {
    this.#kept = [];
  }
}

function outcomeOf<Cpu>(helper: Helper<Cpu>, instruction: DecodedInstruction): number {
  if (helper.continues) return CONTINUE;
  return helper.looksUp?.(instruction) ? LOOK_UP : LEAVE;
}
