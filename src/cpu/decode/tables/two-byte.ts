/** General-purpose and system instructions of map 0F (SDM 2D, Two-Byte Opcode Map). */

const SYSTEM = `
0f 00 /0      | sldt     | Rv/Mw | pm
0f 00 /1      | str      | Rv/Mw | pm
0f 00 /2      | lldt     | Ew    | pm cpl0
0f 00 /3      | ltr      | Ew    | pm cpl0
0f 00 /4      | verr     | Ew    | pm
0f 00 /5      | verw     | Ew    | pm
0f 01 /0 mem  | sgdt     | Ms    | f64
0f 01 /1 mem  | sidt     | Ms    | f64
0f 01 /2 mem  | lgdt     | Ms    | f64 cpl0
0f 01 /3 mem  | lidt     | Ms    | f64 cpl0
0f 01 /4      | smsw     | Rv/Mw |
0f 01 /6      | lmsw     | Ew    | cpl0
0f 01 /7 mem  | invlpg   | M     | cpl0
np 0f 01 =c8  | monitor  |       | monitor
np 0f 01 =c9  | mwait    |       | monitor
np 0f 01 =ca  | clac     |       | smap
np 0f 01 =cb  | stac     |       | smap
np 0f 01 =d0  | xgetbv   |       | xsave
np 0f 01 =d1  | xsetbv   |       | cpl0 xsave
np 0f 01 =ee  | rdpkru   |       | pku
np 0f 01 =ef  | wrpkru   |       | pku
0f 01 =f8     | swapgs   |       | 64 cpl0
0f 01 =f9     | rdtscp   |       | rdtscp
0f 02 /r      | lar      | Gv Rv/Mw | pm
0f 03 /r      | lsl      | Gv Rv/Mw | pm
0f 05         | syscall  |       | 64 syscall
0f 06         | clts     |       | cpl0
0f 07         | sysret   |       | 64 cpl0 syscall name:sysret/sysret/sysretq
0f 08         | invd     |       | cpl0
0f 09         | wbinvd   |       | cpl0
f3 0f 09      | wbnoinvd |       | cpl0 wbnoinvd
0f 0b         | ud2      |       |
0f 20 /r      | movfromcr | Ry Cy | f64 cpl0 regs:11d name:mov
0f 21 /r      | movfromdr | Ry Dy | f64 cpl0 regs:ff name:mov
0f 22 /r      | movtocr  | Cy Ry | f64 cpl0 regs:11d name:mov
0f 23 /r      | movtodr  | Dy Ry | f64 cpl0 regs:ff name:mov
0f 30         | wrmsr    |       | cpl0
0f 31         | rdtsc    |       |
0f 32         | rdmsr    |       | cpl0
0f 33         | rdpmc    |       |
0f 34         | sysenter |       |
0f 35         | sysexit  |       | cpl0 name:sysexit/sysexit/sysexitq
0f a2         | cpuid    |       |
0f aa         | rsm      |       |
0f b9 /r      | ud1      | Gv Ev |
0f ff /r      | ud0      | Gv Ev |
66 0f 38 82 /r mem | invpcid | Gy Mx | f64 cpl0 invpcid
`;

const GENERAL = `
0f 40+cc /r   | cmovcc   | Gv Ev |
0f 80+cc      | jcc      | Jz    | f64
0f 90+cc /r   | setcc    | Eb    |
0f a0         | push     | FS    | d64
0f a1         | popsreg  | FS    | d64 name:pop
0f a3 /r      | bt       | Ev Gv |
0f a4 /r      | shld     | Ev Gv Ib |
0f a5 /r      | shld     | Ev Gv CL |
0f a8         | push     | GS    | d64
0f a9         | popsreg  | GS    | d64 name:pop
0f ab /r      | bts      | Ev Gv | lock
0f ac /r      | shrd     | Ev Gv Ib |
0f ad /r      | shrd     | Ev Gv CL |
0f af /r      | imul     | Gv Ev |
0f b0 /r      | cmpxchg  | Eb Gb | lock
0f b1 /r      | cmpxchg  | Ev Gv | lock
0f b2 /r mem  | lss      | Gv Mp |
0f b3 /r      | btr      | Ev Gv | lock
0f b4 /r mem  | lfs      | Gv Mp |
0f b5 /r mem  | lgs      | Gv Mp |
0f b6 /r      | movzx    | Gv Eb |
0f b7 /r      | movzx    | Gv Ew |
f3 0f b8 /r   | popcnt   | Gv Ev | popcnt
0f ba /4      | bt       | Ev Ib |
0f ba /5      | bts      | Ev Ib | lock
0f ba /6      | btr      | Ev Ib | lock
0f ba /7      | btc      | Ev Ib | lock
0f bb /r      | btc      | Ev Gv | lock
0f bc /r      | bsf      | Gv Ev |
f3 0f bc /r   | tzcnt    | Gv Ev | bmi1
0f bd /r      | bsr      | Gv Ev |
f3 0f bd /r   | lzcnt    | Gv Ev | abm
0f be /r      | movsx    | Gv Eb |
0f bf /r      | movsx    | Gv Ew |
0f c0 /r      | xadd     | Eb Gb | lock
0f c1 /r      | xadd     | Ev Gv | lock
np 0f c3 /r mem | movnti | My Gy | sse2
0f c7 /1 mem  | cmpxchg8b | M    | lock name:cmpxchg8b/cmpxchg8b/cmpxchg16b
nfx 0f c7 /6 reg | rdrand | Rv   | rdrand
nfx 0f c7 /7 reg | rdseed | Rv   | rdseed
f3 0f c7 /7 reg | rdpid  | Ry    | f64 rdpid
0f c8+8       | bswap    | Zv    |
nfx 0f 38 f0 /r mem | movbe | Gv Mv | movbe
nfx 0f 38 f1 /r mem | movbe | Mv Gv | movbe
f2 0f 38 f0 /r | crc32   | Gy Eb | sse4.2
f2 0f 38 f1 /r | crc32   | Gy Ev | sse4.2
66 0f 38 f6 /r | adcx    | Gy Ey | adx
f3 0f 38 f6 /r | adox    | Gy Ey | adx
`;

/** VEX-encoded general-purpose instructions; #UD in real-address and virtual-8086 mode. */
const BIT_MANIPULATION = `
np vex 0f 38 f2 /r | andn   | Gy By Ey | pm bmi1
np vex 0f 38 f3 /1 | blsr   | By Ey    | pm bmi1
np vex 0f 38 f3 /2 | blsmsk | By Ey    | pm bmi1
np vex 0f 38 f3 /3 | blsi   | By Ey    | pm bmi1
np vex 0f 38 f5 /r | bzhi   | Gy Ey By | pm bmi2
f3 vex 0f 38 f5 /r | pext   | Gy By Ey | pm bmi2
f2 vex 0f 38 f5 /r | pdep   | Gy By Ey | pm bmi2
f2 vex 0f 38 f6 /r | mulx   | Gy By Ey | pm bmi2
np vex 0f 38 f7 /r | bextr  | Gy Ey By | pm bmi1
66 vex 0f 38 f7 /r | shlx   | Gy Ey By | pm bmi2
f3 vex 0f 38 f7 /r | sarx   | Gy Ey By | pm bmi2
f2 vex 0f 38 f7 /r | shrx   | Gy Ey By | pm bmi2
f2 vex 0f 3a f0 /r | rorx   | Gy Ey Ib | pm bmi2
`;

/** Processor state, caches and fences: groups 15 and 9. */
const STATE = `
np 0f ae /0 mem | fxsave   | M  | name:fxsave/fxsave/fxsave64
np 0f ae /1 mem | fxrstor  | M  | name:fxrstor/fxrstor/fxrstor64
np 0f ae /2 mem | ldmxcsr  | Md | sse
np 0f ae /3 mem | stmxcsr  | Md | sse
np 0f ae /4 mem | xsave    | M  | xsave name:xsave/xsave/xsave64
np 0f ae /5 mem | xrstor   | M  | xsave name:xrstor/xrstor/xrstor64
np 0f ae /6 mem | xsaveopt | M  | xsaveopt name:xsaveopt/xsaveopt/xsaveopt64
np 0f ae /7 mem | clflush  | Mb | clflush
66 0f ae /6 mem | clwb     | Mb | clwb
66 0f ae /7 mem | clflushopt | Mb | clflushopt
np 0f ae /5 reg | lfence   |    | sse2
np 0f ae /6 reg | mfence   |    | sse2
np 0f ae /7 reg | sfence   |    | sse
f3 0f ae /0 reg | rdfsbase | Ry | 64 fsgsbase
f3 0f ae /1 reg | rdgsbase | Ry | 64 fsgsbase
f3 0f ae /2 reg | wrfsbase | Ry | 64 fsgsbase
f3 0f ae /3 reg | wrgsbase | Ry | 64 fsgsbase
np 0f c7 /3 mem | xrstors  | M  | cpl0 xsaves name:xrstors/xrstors/xrstors64
np 0f c7 /4 mem | xsavec   | M  | xsavec name:xsavec/xsavec/xsavec64
np 0f c7 /5 mem | xsaves   | M  | cpl0 xsaves name:xsaves/xsaves/xsaves64
`;

/** Prefetches and the hint space 0F 18 … 0F 1F, which is NOP wherever nothing else is defined. */
const HINTS = `
0f 0d /r      | nop      | Ev Gv |
0f 0d /0 mem  | prefetch | Mb    |
0f 0d /1 mem  | prefetch | Mb    | name:prefetchw
0f 0d /2 mem  | prefetch | Mb    | name:prefetchwt1
0f 0d /3 mem  | prefetch | Mb    | name:prefetchw
0f 0d /4 mem  | prefetch | Mb    |
0f 0d /5 mem  | prefetch | Mb    |
0f 0d /6 mem  | prefetch | Mb    |
0f 0d /7 mem  | prefetch | Mb    |
0f 18 /r      | nop      | Ev Gv |
0f 18 /0 mem  | prefetch | Mb    | name:prefetchnta
0f 18 /1 mem  | prefetch | Mb    | name:prefetcht0
0f 18 /2 mem  | prefetch | Mb    | name:prefetcht1
0f 18 /3 mem  | prefetch | Mb    | name:prefetcht2
0f 19 /r      | nop      | Ev Gv |
0f 1a /r      | nop      | Ev Gv |
0f 1b /r      | nop      | Ev Gv |
0f 1c /r      | nop      | Ev Gv |
0f 1d /r      | nop      | Ev Gv |
0f 1e /r      | nop      | Ev Gv |
f3 0f 1e =fa  | nop      |       | name:endbr64
f3 0f 1e =fb  | nop      |       | name:endbr32
0f 1f /r      | nop      | Ev Gv |
0f 1f /0      | nop      | Ev    |
`;

export const TWO_BYTE_TABLES = [SYSTEM, GENERAL, BIT_MANIPULATION, STATE, HINTS];
