/**
 * The generated interpreter: one function with a handler for every variant of every instruction.
 *
 *     loop lookup                 find the block at `target`, in the tables or by calling out
 *       loop enter                take the block's length from the budget
 *         loop dispatch           record = next; next = record + 64
 *           block ... br_table    handler 0 ... handler n, each ending with a branch to a loop
 *
 * Nothing is counted or checked between two instructions of a block. Who wants to stop inside one
 * puts a record in the way: a slow access returns a record at which to go on, and dropped code has
 * its handlers replaced (HANDLER_STALE).
 */

import { Code, type Label } from "../../wasm/code.ts";
import { ModuleBuilder } from "../../wasm/module-builder.ts";
import { MEM, OP } from "../../wasm/opcodes.ts";
import { Builder } from "../builder/builder.ts";
import { CELL } from "../layout.ts";
import type { SemanticGroup } from "../semantics/group.ts";
import { APART_AGAIN, APART_FAULT, APART_TYPE } from "./apart.ts";
import { BLOCK_HASH, BLOCK_SLOT } from "./block-table.ts";
import { FAST_ADDEND, FAST_SLOT_MASK, FAST_SLOT_SHIFT, FAST_TAG } from "./fast-table.ts";
import type { Frame } from "./frame.ts";
import { LEAVE } from "./helper-table.ts";
import { InterpreterTarget } from "./interpreter-target.ts";
import type { EngineFunctions } from "./module-functions.ts";
import { defineHelpers, type Imports } from "./module-helpers.ts";
import type { ModuleLayout } from "./module-layout.ts";
import { FIRST_INSTRUCTION_HANDLER, RECORD, RECORD_BYTES } from "./record.ts";
import type { ShapeTable } from "./shapes.ts";

/** What `run` returns. */
export const EXIT_BUDGET = 0;
/** After an instruction, because something asked for it. */
export const EXIT_STOP = 1;
/** Before an instruction: a fault in its cell, or the budget ended inside a repetition. */
export const EXIT_BEFORE = 2;

const modules = new WeakMap<SemanticGroup, Map<string, WebAssembly.Module>>();

/** The compiled module; processors with equal layouts share it. */
export function compiledModule(
  shapes: ShapeTable,
  group: SemanticGroup,
  layout: ModuleLayout,
): WebAssembly.Module {
  let byLayout = modules.get(group);
  if (!byLayout) {
    byLayout = new Map();
    modules.set(group, byLayout);
  }
  const key = `${layout.state} ${layout.blockTable} ${layout.memoryPages}`;
  let module = byLayout.get(key);
  if (!module) {
    module = new WebAssembly.Module(interpreterModule(shapes, layout));
    byLayout.set(key, module);
  }
  return module;
}

/** The bytes of the module; it exports `run(next) -> exit`. */
export function interpreterModule(
  shapes: ShapeTable,
  layout: ModuleLayout,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(layout.memoryPages);
  module.importTable("apart");
  const { imports, functions } = defineHelpers(module, layout.state);
  const apartType = module.type(APART_TYPE);
  const type = { parameters: ["i32"], results: ["i32"] } as const;
  const run = module.declare(type, "run");
  const code = new Code(1);
  new RunWriter(code, shapes, layout, { ...imports, apartType }, functions).write();
  module.define(run, code);
  return module.build();
}

class RunWriter {
  readonly #c: Code;
  readonly #shapes: ShapeTable;
  readonly #layout: ModuleLayout;
  readonly #imports: Imports & { readonly apartType: number };
  readonly #functions: EngineFunctions;
  /** Parameter 0, the record to begin with or 0, becomes `next`. */
  readonly #next = 0;
  readonly #record: number;
  readonly #budget: number;
  readonly #target: number;

  constructor(
    code: Code,
    shapes: ShapeTable,
    layout: ModuleLayout,
    imports: Imports & { readonly apartType: number },
    functions: EngineFunctions,
  ) {
    this.#c = code;
    this.#shapes = shapes;
    this.#layout = layout;
    this.#imports = imports;
    this.#functions = functions;
    this.#record = code.local("i32");
    this.#budget = code.local("i32");
    this.#target = code.local("i64");
  }

  write(): void {
    const c = this.#c;
    this.#loadCell32(CELL.budget);
    c.set(this.#budget);
    this.#loadCell64(CELL.rip);
    c.set(this.#target);
    const fault = c.block();
    const stop = c.block();
    const lookup = c.loop();
    // The next instruction is not even fetched when none may begin.
    c.get(this.#budget).op(OP.i32Eqz).brIf(stop);
    c.get(this.#next).op(OP.i32Eqz).if();
    this.#writeLookup(fault);
    c.end();
    const enter = c.loop();
    this.#writeEnter();
    const dispatch = c.loop();
    const frame: Frame = {
      record: this.#record,
      next: this.#next,
      budget: this.#budget,
      target: this.#target,
      dispatch,
      enter,
      lookup,
      fault,
      stop,
    };
    this.#writeHandlers(frame);
    c.op(OP.unreachable);
    c.end().end().end();
    c.end();
    this.#writeStop();
    c.end();
    this.#writeBefore();
  }

  /** Finds the block at `target`; leaves by `fault` if there is none. */
  #writeLookup(fault: Label): void {
    const c = this.#c;
    const linear = c.local("i64");
    const slot = c.local("i32");
    const host = c.local("i32");
    c.get(this.#target);
    this.#loadCell64(CELL.codeBase);
    c.op(OP.i64Add);
    this.#loadCell64(CELL.codeMask);
    c.op(OP.i64And).set(linear);
    // The page's first instruction pointer: what records add their offset to.
    c.i32(0).get(this.#target).get(linear).i64(0xfffn).op(OP.i64And, OP.i64Sub);
    c.mem(MEM.i64Store, this.#layout.state + CELL.ipBase);
    c.get(linear).i64(BigInt(FAST_SLOT_SHIFT)).op(OP.i64ShrU, OP.i32WrapI64);
    c.i32(FAST_SLOT_MASK).op(OP.i32And);
    this.#loadCell32(CELL.executeTable);
    c.op(OP.i32Add).tee(slot).mem(MEM.i64Load, FAST_TAG);
    c.get(linear).i64(-4096n).op(OP.i64And);
    this.#loadCell64(CELL.fastGeneration);
    c.op(OP.i64Or, OP.i64Eq).if();
    c.get(slot).mem(MEM.i32Load, FAST_ADDEND).get(linear).op(OP.i32WrapI64, OP.i32Add).tee(host);
    c.i32(BLOCK_HASH.factor).op(OP.i32Mul).i32(BLOCK_HASH.shift).op(OP.i32ShrU);
    c.i32(BLOCK_SLOT.bytesShift).op(OP.i32Shl).i32(this.#layout.blockTable).op(OP.i32Add);
    c.tee(slot).mem(MEM.i32Load, BLOCK_SLOT.host).get(host).op(OP.i32Eq);
    c.get(slot).mem(MEM.i32Load, BLOCK_SLOT.context);
    this.#loadCell32(CELL.codeContext);
    c.op(OP.i32Eq, OP.i32And).if();
    c.get(slot).mem(MEM.i32Load, BLOCK_SLOT.block).set(this.#next);
    c.end().end();
    c.get(this.#next).op(OP.i32Eqz).if();
    this.#storeCell64(CELL.rip, () => c.get(this.#target));
    c.get(linear).i64(32n).op(OP.i64ShrU, OP.i32WrapI64).get(linear).op(OP.i32WrapI64);
    c.call(this.#imports.find).tee(this.#next).op(OP.i32Eqz).if();
    c.i32(0).set(this.#record);
    c.br(fault);
    c.end().end();
    c.free(linear, slot, host);
  }

  #writeEnter(): void {
    const c = this.#c;
    c.get(this.#budget).get(this.#next).mem(MEM.i32Load8U, RECORD.blockLength).op(OP.i32Sub);
    c.tee(this.#budget).i32(0).op(OP.i32LtS).if();
    c.get(this.#budget).get(this.#next).mem(MEM.i32Load8U, RECORD.blockLength).op(OP.i32Add);
    c.set(this.#budget);
    this.#storeCell64(CELL.rip, () => this.#ripOf(this.#next));
    this.#storeCell32(CELL.budget, () => c.get(this.#budget));
    c.i32(EXIT_BUDGET).return();
    c.end();
  }

  #writeHandlers(frame: Frame): void {
    const c = this.#c;
    const { instructions, definitions } = this.#shapes;
    const count = FIRST_INSTRUCTION_HANDLER + instructions.length;
    const labels: Label[] = [];
    for (let i = 0; i < count; i++) labels.unshift(c.block());
    c.get(this.#next).tee(this.#record).i32(RECORD_BYTES).op(OP.i32Add).set(this.#next);
    c.get(this.#record).mem(MEM.i32Load16U, RECORD.handler);
    c.brTable(labels, labels[0] as Label);
    for (const write of [
      () => this.#writeStale(frame),
      () => this.#writeFallThrough(frame),
      () => this.#writeStopRecord(frame),
      () => this.#writeHelper(frame),
      () => this.#writeFaultRecord(frame),
      () => this.#writeStepEnd(frame),
      () => this.#writeApart(frame),
    ]) {
      c.end();
      write();
    }
    const target = new InterpreterTarget(c, this.#layout.state, frame, this.#functions);
    const builder = new Builder(target);
    instructions.forEach((instruction, i) => {
      c.end();
      const definition = definitions[i];
      if (!definition) return;
      target.begin(builder, definition.ends === true);
      definition.emit(builder, instruction);
      target.end();
      builder.finish();
    });
  }

  /** Code that was dropped under way: begin a new block here. */
  #writeStale(frame: Frame): void {
    const c = this.#c;
    this.#refund(1);
    this.#ripOf(this.#record);
    c.set(this.#target).i32(0).set(this.#next).br(frame.lookup);
  }

  #writeFallThrough(frame: Frame): void {
    const target = new InterpreterTarget(this.#c, this.#layout.state, frame, this.#functions);
    const builder = new Builder(target);
    target.begin(builder, true);
    target.jumpRelative();
    builder.finish();
  }

  /** Comes after the instruction at the record cell, which a slow access interrupted. */
  #writeStopRecord(frame: Frame): void {
    const c = this.#c;
    this.#loadCell32(CELL.record);
    c.set(this.#record);
    this.#refund(0);
    this.#ripOf(this.#record);
    c.get(this.#record).mem(MEM.i32Load8U, RECORD.length).op(OP.i64ExtendI32U, OP.i64Add);
    c.set(this.#target).br(frame.stop);
  }

  #writeHelper(frame: Frame): void {
    const c = this.#c;
    const status = c.local("i32");
    this.#storeCell32(CELL.budget, () => c.get(this.#budget));
    this.#storeCell32(CELL.record, () => c.get(this.#record));
    c.get(this.#record).call(this.#imports.helper).tee(status).op(OP.i32Eqz);
    c.brIf(frame.dispatch);
    c.get(status).i32(0).op(OP.i32LtS).brIf(frame.fault);
    this.#refund(0);
    this.#loadCell64(CELL.rip);
    c.set(this.#target);
    c.get(status).i32(-LEAVE).op(OP.i32Eq).brIf(frame.stop);
    c.i32(0).set(this.#next).br(frame.lookup);
    c.free(status);
  }

  #writeFaultRecord(frame: Frame): void {
    const c = this.#c;
    this.#storeCell32(CELL.fault, () => c.get(this.#record).mem(MEM.i32Load, RECORD.immediate));
    c.br(frame.fault);
  }

  #writeApart(frame: Frame): void {
    const c = this.#c;
    const status = c.local("i32");
    c.get(this.#record).get(this.#budget).get(this.#record).mem(MEM.i32Load, RECORD.link);
    c.callIndirect(this.#imports.apartType).tee(status).op(OP.i32Eqz).brIf(frame.dispatch);
    c.get(status).i32(APART_FAULT).op(OP.i32Eq).brIf(frame.fault);
    c.get(status).i32(APART_AGAIN).op(OP.i32Eq).if();
    c.get(this.#record).set(status);
    c.get(this.#budget).i32(1).op(OP.i32Sub).tee(this.#budget).i32(0).op(OP.i32LtS);
    c.brIf(frame.fault);
    c.end().get(status).set(this.#next).br(frame.dispatch);
    c.free(status);
  }

  #writeStepEnd(frame: Frame): void {
    const c = this.#c;
    this.#loadCell64(CELL.ipBase);
    c.get(this.#record).mem(MEM.i64Load, RECORD.immediate).op(OP.i64Add);
    c.get(this.#record).mem(MEM.i64Load, RECORD.displacement).op(OP.i64And);
    c.set(this.#target).br(frame.stop);
  }

  #writeStop(): void {
    const c = this.#c;
    this.#storeCell64(CELL.rip, () => c.get(this.#target));
    this.#storeCell32(CELL.budget, () => c.get(this.#budget));
    c.i32(EXIT_STOP).return();
  }

  /** Leaves before the current record's instruction, or where `rip` says if there is none. */
  #writeBefore(): void {
    const c = this.#c;
    c.get(this.#record).if();
    this.#refund(1);
    this.#storeCell64(CELL.rip, () => this.#ripOf(this.#record));
    c.end();
    this.#storeCell32(CELL.budget, () => c.get(this.#budget));
    c.i32(EXIT_BEFORE);
  }

  /** Gives back the instructions after the current one, and `more`. */
  #refund(more: number): void {
    const c = this.#c;
    c.get(this.#budget).get(this.#record).mem(MEM.i32Load8S, RECORD.after).op(OP.i32Add);
    if (more !== 0) c.i32(more).op(OP.i32Add);
    c.set(this.#budget);
  }

  #ripOf(record: number): void {
    this.#loadCell64(CELL.ipBase);
    this.#c.get(record).mem(MEM.i32Load16U, RECORD.offset).op(OP.i64ExtendI32U, OP.i64Add);
  }

  #loadCell32(offset: number): void {
    this.#c.i32(0).mem(MEM.i32Load, this.#layout.state + offset);
  }

  #loadCell64(offset: number): void {
    this.#c.i32(0).mem(MEM.i64Load, this.#layout.state + offset);
  }

  #storeCell32(offset: number, emit: () => void): void {
    this.#c.i32(0);
    emit();
    this.#c.mem(MEM.i32Store, this.#layout.state + offset);
  }

  #storeCell64(offset: number, emit: () => void): void {
    this.#c.i32(0);
    emit();
    this.#c.mem(MEM.i64Store, this.#layout.state + offset);
  }
}
