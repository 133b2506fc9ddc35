/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE (SDM 2B). */
import { isCanonical } from "../../mmu/canonical.ts";
import { CR4 } from "../../mmu/control-bits.ts";
import { GP, UD } from "../faults.ts";
import { FS, GS } from "../layout.ts";
import type { SystemFunction, SystemGroup } from "./group.ts";

function read(index: number): SystemFunction {
  return (cpu, i) => {
    if (!(cpu.mmu.cr4 & CR4.FSGSBASE)) return UD;
    cpu.state.setGprSized(i.rm, cpu.state.segmentBase(index), i.operandBytes === 8 ? 8 : 4);
    return 0;
  };
}

function write(index: number): SystemFunction {
  return (cpu, i) => {
    if (!(cpu.mmu.cr4 & CR4.FSGSBASE)) return UD;
    const value = BigInt.asUintN(i.operandBytes === 8 ? 64 : 32, cpu.state.gpr(i.rm));
    if (!isCanonical(value, cpu.supportedLinearBits)) return GP;
    cpu.state.setSegmentBase(index, value);
    return 0;
  };
}

export const SEGMENT_BASES: SystemGroup = {
  rdfsbase: { run: read(FS), continues: true },
  rdgsbase: { run: read(GS), continues: true },
  wrfsbase: { run: write(FS), continues: true },
  wrgsbase: { run: write(GS), continues: true },
};
