/** Indices of the functions that generated code calls; see module.ts for what they do. */
export interface EngineFunctions {
  /** (record) -> i64: offset of the memory operand in its segment. */
  readonly offset: number;
  /** (record, bytes, write) -> i64: linear address of the memory operand, or a fault in its cell. */
  readonly linear: number;
  /** (offset i64, record, bytes, write) -> i64: the same for an offset in the operand's segment. */
  readonly operandLinear: number;
  /** (offset i64, segment, bytes, write) -> i64: the same for an offset in a segment. */
  readonly segmentLinear: number;
  /**
   * (linear i64, bytes, record, budget) -> status: 0 done, negative a fault, else the record at
   * which to go on because a device wants the engine to stop after this instruction.
   */
  readonly slowRead: number;
  readonly slowWrite: number;
  readonly slowModify: number;
  /** (record, budget, target i64) -> block at the target if it lies in the same page, else 0. */
  readonly resolve: number;
  /** (record) -> 0, or not 0 with a fault in its cell: the record's TypeScript helper. */
  readonly helper: number;
}
