/**
 * What the guests say, from the manual. A line is a thing tried and its result: vector, error code
 * and CR2, `none`, or a value in 16 digits.
 */
import { linesOf } from "./guest-run.ts";

type Depth = 4 | 5;

/** Error codes: P 1, W 2, U 4, RSVD 8, I 16, PK 32 (SDM 3A, "Page-Fault Exceptions"). */
const faults = linesOf(`
user ud2: 06 0000
user read, not present: 0e 0004 0000000040003123
user write, not present: 0e 0006 0000000040003123
user fetch, not present: 0e 0014 0000000040003123
user write, read-only: 0e 0007 0000000040004abc
user read, supervisor: 0e 0005 0000000040005008
user write, supervisor: 0e 0007 0000000040005008
user fetch, supervisor: 0e 0015 0000000040005008
user fetch, XD: 0e 0015 0000000040006000
user read, not canonical: 0d 0000
user jump, not canonical: 0d 0000
read, not present: 0e 0000 0000000040003ffc
write, read-only, WP: 0e 0003 0000000040004000
write, read-only, no WP: none
its entry: 0000000000304065
write, read-only, WP again: 0e 0003 0000000040004000
its entry: 0000000000304005
fetch, XD: 0e 0011 0000000040006000
fetch, user page: none
read, reserved bit of a PDE: 0e 0009 0000000040200000
user write, reserved bit of a PDE: 0e 000f 0000000040200000
write across pages: 0e 0002 0000000040003000
nothing written: 0000000000000000
stack segment, not canonical: 0c 0000
SMEP: fetch, user page: 0e 0011 0000000040007000
SMEP: read, user page: none
SMAP: read, user page: 0e 0001 0000000040007000
SMAP: write, user page: 0e 0003 0000000040007000
SMAP with AC: read, user page: none
SMAP: read, supervisor page: none
PKRU WD: user read: 06 0000
PKRU WD: user write: 0e 0027 0000000040005000
PKRU WD: supervisor write: 0e 0023 0000000040005000
PKRU AD: user read: 0e 0025 0000000040007000
PKRU AD: user write: 0e 0027 0000000040007000
PKRU AD: user fetch: 0e 0015 0000000000000000
PKRU AD: supervisor read: 0e 0021 0000000040007000
PKRS WD: read: none
PKRS WD: write: 0e 0023 0000000040005000
PKRS WD: write without WP: none
PKRS AD: read: 0e 0021 0000000040007000
PKRS AD: write: 0e 0023 0000000040007000
PKRS AD: fetch: none
PKRS AD: user read: 0e 0025 0000000040007000
PKRS of more than 32 bits: 0d 0000
done`);

const wideFault = { 4: "0d 0000", 5: "0e 0000 0080000000001000" } as const;
const la57 = { 4: "0000000000000000", 5: "0000000000001000" } as const;

const levels = (depth: Depth) => {
  const other = depth === 4 ? 5 : 4;
  return linesOf(`
LA57 at entry: ${la57[depth]}
address of 57 bits: ${wideFault[depth]}
LA57 toggled in 64-bit mode: 0d 0000
LA57 after the switch: ${la57[other]}
address of 57 bits: ${wideFault[other]}
LA57 after the way back: ${la57[depth]}
address of 57 bits: ${wideFault[depth]}
second entry of the PML5: ${depth === 4 ? "0d 0000" : "none"}
UD2 in compatibility mode: 06 0000
its CS: 0000000000000028
its INC: 0000000000000000
PG cleared in 64-bit mode: 0d 0000
done`);
};

/** @param keeps whether the TLB keeps what it may: 1 is the old page, 2 the new one */
export const tlb = (keeps: boolean) => {
  const may = (old: number, now: number) => `000000000000000${keeps ? old : now}`;
  return linesOf(`
may: entry changed: ${may(1, 2)}
INVLPG: 0000000000000002
INVLPG of the last byte: 0000000000000002
MOV to CR3: 0000000000000002
may: global, MOV to CR3: ${may(1, 2)}
global, INVLPG: 0000000000000002
global, PGE cleared: 0000000000000002
not present: 0e 0000 0000000040008000
then present: 0000000000000002
A after a read: 0000000000308023
D after a write: 0000000000308063
write, read-only: 0e 0003 0000000040008000
write, after the rights were raised: none
may: PDE changed, page not in the TLB: ${may(2, 1)}
PDE changed, INVLPG: 0000000000000001
PCID 2: 0000000000000002
may: PCID 1 kept: ${may(1, 2)}
INVPCID 0: 0000000000000002
INVPCID 1: 0000000000000002
MOV to CR3 without bit 63: 0000000000000002
may: global, INVPCID 3: ${may(1, 2)}
global, INVPCID 2: 0000000000000002
INVPCID 4: 0d 0000
INVPCID with a reserved bit: 0d 0000
INVPCID 0 of an address that is not canonical: 0d 0000
INVLPG of an address that is not canonical: none
PCIDE with PWT in CR3: 0d 0000
done`);
};

/** Gates: error code = vector * 8 + IDT 2 + EXT 1. Frames: RSP0 - 40 - error code - two pushes. */
const events = linesOf(`
INT3 in ring 3: 03 0000
RIP after it: 0000000040000011
CS: 0000000000000023
INT 0x80, DPL 3: 80 0000
INT 0x81, DPL 0: 0d 040a
RIP of it: 0000000040000030
HLT in ring 3: 0d 0000
SGDT in ring 3: 06 0000
SGDT in ring 3 with UMIP: 0d 0000
INT3 again: 03 0000
frame on RSP0: 0000000000211fb8
page fault on an IST stack: 0e 0000 0000000040003000
frame on IST1: 0000000000213fb8
page fault without a gate: 08 0000
UD2 without a gate: 0b 0033
STAR: none
LSTAR: none
FMASK: none
SYSCALL, SYSRET, UD2: 06 0000
RCX: 0000000040000002
R11: 0000000000000402
CS: 0000000000000008
SS: 0000000000000010
RFLAGS in ring 0: 0000000000000002
CS after SYSRET: 0000000000000023
RFLAGS after SYSRET: 0000000000010402
SYSRET to an address that is not canonical: 0d 0000
in ring 0: 0000000000000008
SYSCALL without SCE: 06 0000
LSTAR not canonical: 0d 0000
FS base not canonical: 0d 0000
EFER reserved bit: 0d 0000
EFER.LME in long mode: 0d 0000
PAT of type 2: 0d 0000
no such register: 0d 0000
CR0 bits 63:32: 0d 0000
CR0.PG without PE: 0d 0000
CR0.NW without CD: 0d 0000
CR3 beyond MAXPHYADDR: 0d 0000
CR4 reserved bit: 0d 0000
CR4.PAE cleared: 0d 0000
CR8 of 16: 0d 0000
CR8 of 15: none
CR8: 000000000000000f
single step: 01 0000
DR6: 00000000ffff4ff0
call gate, RET, UD2: 06 0000
RSP in ring 0: 0000000000211fe0
CS: 0000000000000008
SS: 0000000000000000
CS after RET: 0000000000000023
LAR of 64-bit code: 0000000000a09b00
LSL of the TSS: 0000000000000067
VERW of data: 0000000000000001
VERW of code: 0000000000000000
done`);

const smc = linesOf(`
next instruction: 0000000000000002
own loop: 0000000000000015
before: 0000000000000001
written through an alias: 0000000000000007
executed through the alias: 0000000000000007
across two pages: 0000000022221111
second part written: 0000000033221111
second part mapped anew: 0000000044441111
second part not present: 0e 0010 000000004000b000
first frame: 0000000000000007
other frame: 0000000000000009
done`);

const apic = linesOf(`
APIC base: 00000000fee00900
count after one shot: 0000000000000000
interrupts: 0000000000000004
interrupts: 0000000000000007
interrupts under TPR: 0000000000000008
interrupts after CR8: 0000000000000009
vectors: 7550607041414140
vectors: 0000000000000065
x2APIC register in xAPIC mode: 0d 0000
to x2APIC: none
back to xAPIC: 0d 0000
x2APIC identifier: 0000000000000000
EOI of 1: 0d 0000
self IPI: none
interrupts: 000000000000000a
disabled: none
CPUID.APIC: 0000000000000000
from disabled to x2APIC: 0d 0000
enabled again: none
CPUID.APIC: 0000000000000200
APIC base, reserved bit: 0d 0000
done`);

/** @param keeps whether the other processor's TLB keeps the page until it is told */
export const smp = (keeps: boolean) =>
  linesOf(`
processors running: 0000000000000000
processors running: 0000000000000001
its APIC identifier: 0000000001000000
it read: 0000000000000001
the boot processor reads: 0000000000000002
may: the other reads: 000000000000000${keeps ? 1 : 2}
after the shootdown: 0000000000000002
answers: 0000000000000002
done`);

/** By guest, for one processor and the default TLB. */
export const EXPECTED: Readonly<Record<string, (depth: Depth) => readonly string[]>> = {
  faults: () => faults,
  levels,
  tlb: () => tlb(true),
  events: () => events,
  smc: () => smc,
  apic: () => apic,
};
