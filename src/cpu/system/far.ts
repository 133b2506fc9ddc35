/** Far JMP, CALL and RET; LES, LDS, LSS, LFS, LGS. */
import { returnFar } from "../far-return.ts";
import { type TransferKind, transferFar } from "../far-transfer.ts";
import { DS, ES, FS, GS, SS } from "../layout.ts";
import { operand, readMemory } from "../operands.ts";
import { loadSegment } from "../segments.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

type Width = 2 | 4 | 8;

/** Reads m16:16, m16:32 or m16:64 into `pointer`. */
const pointer = { offset: 0n, selector: 0 };
const readPointer: SystemFunction = (cpu, i) => {
  const bytes = i.operandBytes as Width;
  let raised = readMemory(cpu, i, bytes);
  if (raised !== 0) return raised;
  pointer.offset = operand.value;
  raised = readMemory(cpu, i, 2, BigInt(bytes));
  pointer.selector = Number(operand.value);
  return raised;
};

function transfer(kind: TransferKind): SystemFunction {
  return (cpu, i) => {
    const bytes = i.operandBytes as Width;
    if (i.memory !== 0) {
      const raised = readPointer(cpu, i);
      if (raised !== 0) return raised;
    } else {
      pointer.offset = BigInt.asUintN(bytes * 8, BigInt(i.immLo));
      pointer.selector = i.imm2;
    }
    return transferFar(cpu, kind, pointer.selector, pointer.offset, bytes);
  };
}

const retf: SystemFunction = (cpu, i) =>
  returnFar(cpu, i.operandBytes as Width, cpu.rowOf(i).operands.length > 0 ? i.immLo & 0xffff : 0);

/** A far pointer from memory: the selector into a segment register, the offset into a general one. */
function loadPointer(index: number): SystemFunction {
  return (cpu, i) => {
    const raised = readPointer(cpu, i) || loadSegment(cpu, index, pointer.selector);
    if (raised === 0) cpu.state.setGprSized(i.reg, pointer.offset, i.operandBytes);
    return raised;
  };
}

export const FAR_TRANSFERS: SystemGroup = {
  jmpf: { run: transfer("jump") },
  callf: { run: transfer("call") },
  retf: { run: retf },
  les: { run: loadPointer(ES) },
  lds: { run: loadPointer(DS) },
  lss: { run: loadPointer(SS) },
  lfs: { run: loadPointer(FS) },
  lgs: { run: loadPointer(GS) },
};
