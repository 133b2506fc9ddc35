/** The small functions of the generated module, and what it imports from TypeScript. */

import { GP_ZERO, SS_ZERO } from "../../mmu/fault.ts";
import type { Code } from "../../wasm/code.ts";
import type { ModuleBuilder } from "../../wasm/module-builder.ts";
import { MEM, OP } from "../../wasm/opcodes.ts";
import { CELL, SEGMENT, segmentOffset } from "../layout.ts";
import type { EngineFunctions } from "./module-functions.ts";
import { RECORD } from "./record.ts";

export interface Imports {
  /** (linear hi, lo) -> block, or 0 with a fault in its cell. */
  readonly find: number;
  /** (record) -> a negative number for a fault; else minus CONTINUE, LEAVE or LOOK_UP. */
  readonly helper: number;
}

const SS_INDEX = 2;
const COMPLEX_MASK = 3;

/** Declares the imports and writes the functions. @param state host address of the state */
export function defineHelpers(
  module: ModuleBuilder,
  state: number,
): { imports: Imports; functions: EngineFunctions } {
  const i32 = "i32" as const;
  const access = { parameters: [i32, i32, i32], results: [i32] };
  const read = module.importFunction("read", access);
  const write = module.importFunction("write", access);
  const modify = module.importFunction("modify", access);
  const find = module.importFunction("find", { parameters: [i32, i32], results: [i32] });
  const resolve = module.importFunction("resolve", access);
  const helper = module.importFunction("helper", { parameters: [i32], results: [i32] });
  const slow = (imported: number) =>
    module.function({ parameters: ["i64", i32, i32, i32], results: [i32] }, (c) =>
      writeSlow(c, state, imported),
    );
  const offset = module.function({ parameters: [i32], results: ["i64"] }, writeOffset);
  const segmentLinear = module.function(
    { parameters: ["i64", i32, i32, i32], results: ["i64"] },
    (c) => writeSegmentLinear(c, state),
  );
  const operandLinear = module.function(
    { parameters: ["i64", i32, i32, i32], results: ["i64"] },
    (c) => writeOperandLinear(c, segmentLinear),
  );
  const linear = module.function({ parameters: [i32, i32, i32], results: ["i64"] }, (c) => {
    writeLinear(c, offset, operandLinear);
  });
  const functions: EngineFunctions = {
    offset,
    linear,
    operandLinear,
    segmentLinear,
    slowRead: slow(read),
    slowWrite: slow(write),
    slowModify: slow(modify),
    helper,
    resolve: module.function({ parameters: ["i64", i32, i32], results: [i32] }, (c) => {
      storeCell(c, state + CELL.budget, 2);
      c.get(1);
      splitWide(c, 0);
      c.call(resolve);
    }),
  };
  return { imports: { find, helper }, functions };
}

/** (linear, bytes, record, budget): says where the engine stands, then calls out with halves. */
function writeSlow(c: Code, state: number, imported: number): void {
  storeCell(c, state + CELL.record, 2);
  storeCell(c, state + CELL.budget, 3);
  c.get(1);
  splitWide(c, 0);
  c.call(imported);
}

/** (record): base + (index << scale) + displacement, cut to the address size. */
function writeOffset(c: Code): void {
  c.get(0).mem(MEM.i32Load, RECORD.base).mem(MEM.i64Load);
  c.get(0).mem(MEM.i32Load, RECORD.index).mem(MEM.i64Load);
  c.get(0).mem(MEM.i32Load8U, RECORD.scale).i32(COMPLEX_MASK).op(OP.i32And, OP.i64ExtendI32U);
  c.op(OP.i64Shl, OP.i64Add);
  c.get(0).mem(MEM.i64Load, RECORD.displacement).op(OP.i64Add);
  // Mask of 16, 32 or 64 ones: all ones shifted right by 64 - 8 * size.
  c.i64(-1n).i64(64n);
  c.get(0).mem(MEM.i32Load8U, RECORD.addressBytes).op(OP.i64ExtendI32U).i64(3n).op(OP.i64Shl);
  c.op(OP.i64Sub, OP.i64ShrU, OP.i64And);
}

/** (record, bytes, write): the memory operand's. */
function writeLinear(c: Code, offset: number, operandLinear: number): void {
  c.get(0).call(offset).get(0).get(1).get(2).call(operandLinear);
}

/** (offset, record, bytes, write): in 64-bit mode only a base is added; else the segment is checked. */
function writeOperandLinear(c: Code, segmentLinear: number): void {
  c.get(1).mem(MEM.i32Load8U, RECORD.long).if("i64");
  c.get(0).get(1).mem(MEM.i32Load, RECORD.segment).mem(MEM.i64Load, SEGMENT.base);
  c.op(OP.i64Add);
  c.else();
  c.get(0).get(1).mem(MEM.i32Load, RECORD.segment).get(2).get(3).call(segmentLinear);
  c.end();
}

/** (offset, segment, bytes, write): #GP(0) or #SS(0) in the fault cell outside the window. */
function writeSegmentLinear(c: Code, state: number): void {
  const low = c.local("i64");
  const high = c.local("i64");
  c.get(3).if();
  c.get(1).mem(MEM.i64Load, SEGMENT.writeLow).set(low);
  c.get(1).mem(MEM.i64Load, SEGMENT.writeHigh).set(high);
  c.else();
  c.get(1).mem(MEM.i64Load, SEGMENT.readLow).set(low);
  c.get(1).mem(MEM.i64Load, SEGMENT.readHigh).set(high);
  c.end();
  c.get(0).get(low).op(OP.i64LtU);
  c.get(0).get(2).op(OP.i64ExtendI32U, OP.i64Add).i64(1n).op(OP.i64Sub).get(high).op(OP.i64GtU);
  c.op(OP.i32Or).if();
  c.i32(0).i32(SS_ZERO).i32(GP_ZERO);
  c.get(1)
    .i32(state + segmentOffset(SS_INDEX))
    .op(OP.i32Eq, OP.select);
  c.mem(MEM.i32Store, state + CELL.fault);
  c.end();
  c.get(0).get(1).mem(MEM.i64Load, SEGMENT.base).op(OP.i64Add).i64(0xffff_ffffn).op(OP.i64And);
}

function storeCell(c: Code, address: number, local: number): void {
  c.i32(0).get(local).mem(MEM.i32Store, address);
}

function splitWide(c: Code, local: number): void {
  c.get(local).i64(32n).op(OP.i64ShrU, OP.i32WrapI64).get(local).op(OP.i32WrapI64);
}
