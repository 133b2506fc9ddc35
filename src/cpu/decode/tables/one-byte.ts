/** The one-byte opcode map without x87 (SDM 2D, One-Byte Opcode Map); notation: table-text.ts. */

/** ADD … CMP and the shifts: eight operations that differ only in three bits of the encoding. */
const ARITHMETIC = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];
const SHIFTS = ["rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar"];

function hexByte(value: number): string {
  return value.toString(16).padStart(2, "0");
}

function arithmeticLines(name: string, n: number): string {
  const lock = name === "cmp" ? "" : "lock";
  const opcode = (low: number) => hexByte(n * 8 + low);
  return `
${opcode(0)} /r | ${name} | Eb Gb  | ${lock}
${opcode(1)} /r | ${name} | Ev Gv  | ${lock}
${opcode(2)} /r | ${name} | Gb Eb  |
${opcode(3)} /r | ${name} | Gv Ev  |
${opcode(4)}    | ${name} | AL Ib  |
${opcode(5)}    | ${name} | rAX Iz |
80 /${n}        | ${name} | Eb Ib  | ${lock}
81 /${n}        | ${name} | Ev Iz  | ${lock}
82 /${n}        | ${name} | Eb Ib  | ${lock} no64
83 /${n}        | ${name} | Ev sIb | ${lock}`;
}

/** /6 is an undocumented second encoding of SHL, which every processor executes. */
function shiftLines(name: string, n: number): string {
  const shown = n === 6 ? "name:sal" : "";
  return `
c0 /${n} | ${name} | Eb Ib | ${shown}
c1 /${n} | ${name} | Ev Ib | ${shown}
d0 /${n} | ${name} | Eb I1 | ${shown}
d1 /${n} | ${name} | Ev I1 | ${shown}
d2 /${n} | ${name} | Eb CL | ${shown}
d3 /${n} | ${name} | Ev CL | ${shown}`;
}

const MOVES = `
06       | push    | ES    | no64
07       | popsreg | ES    | no64 name:pop
0e       | push    | CS    | no64
16       | push    | SS    | no64
17       | popsreg | SS    | no64 name:pop
1e       | push    | DS    | no64
1f       | popsreg | DS    | no64 name:pop
50+8     | push    | Zv    | d64
58+8     | pop     | Zv    | d64
60       | pusha   |       | no64 name:pusha/pushad/pushad
61       | popa    |       | no64 name:popa/popad/popad
63 /r    | movsxd  | Gv Ez | 64
68       | push    | Iz    | d64
6a       | push    | sIb   | d64
86 /r    | xchg    | Eb Gb | lock
87 /r    | xchg    | Ev Gv | lock
88 /r    | mov     | Eb Gb |
89 /r    | mov     | Ev Gv |
8a /r    | mov     | Gb Eb |
8b /r    | mov     | Gv Ev |
8c /r    | mov     | Rv/Mw Sw | regs:3f
8d /r mem | lea    | Gv M  |
8e /r    | movsreg | Sw Ew | regs:3d name:mov
8f /0    | pop     | Ev    | d64
90       | nop     |       |
f3 90    | pause   |       |
90+8     | xchg    | Zv rAX |
98       | cbw     |       | name:cbw/cwde/cdqe
99       | cwd     |       | name:cwd/cdq/cqo
9c       | pushf   |       | d64 name:pushf/pushfd/pushfq
9d       | popf    |       | d64 name:popf/popfd/popfq
9e       | sahf    |       |
9f       | lahf    |       |
a0       | mov     | AL Ob |
a1       | mov     | rAX Ov |
a2       | mov     | Ob AL |
a3       | mov     | Ov rAX |
b0+8     | mov     | Zb Ib |
b8+8     | mov     | Zv Iv |
c4 /r mem | les    | Gv Mp | no64
c5 /r mem | lds    | Gv Mp | no64
c6 /0    | mov     | Eb Ib |
c7 /0    | mov     | Ev Iz |
c8       | enter   | Iw Ib | d64
c9       | leave   |       | d64
d7       | xlat    | BXAL  | name:xlatb
`;

const ARITHMETIC_REST = `
27       | daa     |       | no64
2f       | das     |       | no64
37       | aaa     |       | no64
3f       | aas     |       | no64
40+8     | inc     | Zv    | no64
48+8     | dec     | Zv    | no64
69 /r    | imul    | Gv Ev Iz  |
6b /r    | imul    | Gv Ev sIb |
84 /r    | test    | Eb Gb |
85 /r    | test    | Ev Gv |
a8       | test    | AL Ib |
a9       | test    | rAX Iz |
d4       | aam     | Ib    | no64
d5       | aad     | Ib    | no64
d6       | salc    |       | no64
f5       | cmc     |       |
f6 /0    | test    | Eb Ib |
f6 /1    | test    | Eb Ib |
f6 /2    | not     | Eb    | lock
f6 /3    | neg     | Eb    | lock
f6 /4    | mul     | Eb    |
f6 /5    | imul1   | Eb    | name:imul
f6 /6    | div     | Eb    |
f6 /7    | idiv    | Eb    |
f7 /0    | test    | Ev Iz |
f7 /1    | test    | Ev Iz |
f7 /2    | not     | Ev    | lock
f7 /3    | neg     | Ev    | lock
f7 /4    | mul     | Ev    |
f7 /5    | imul1   | Ev    | name:imul
f7 /6    | div     | Ev    |
f7 /7    | idiv    | Ev    |
f8       | clc     |       |
f9       | stc     |       |
fc       | cld     |       |
fd       | std     |       |
fe /0    | inc     | Eb    | lock
fe /1    | dec     | Eb    | lock
ff /0    | inc     | Ev    | lock
ff /1    | dec     | Ev    | lock
`;

const STRINGS_AND_PORTS = `
6c       | ins     | Yb DX | rep name:insb
6d       | ins     | Yz DX | rep name:insw/insd/insd
6e       | outs    | DX Xb | rep name:outsb
6f       | outs    | DX Xz | rep name:outsw/outsd/outsd
a4       | movs    | Yb Xb | rep name:movsb
a5       | movs    | Yv Xv | rep name:movsw/movsd/movsq
a6       | cmps    | Xb Yb | repe name:cmpsb
a7       | cmps    | Xv Yv | repe name:cmpsw/cmpsd/cmpsq
aa       | stos    | Yb AL | rep name:stosb
ab       | stos    | Yv rAX | rep name:stosw/stosd/stosq
ac       | lods    | AL Xb | rep name:lodsb
ad       | lods    | rAX Xv | rep name:lodsw/lodsd/lodsq
ae       | scas    | AL Yb | repe name:scasb
af       | scas    | rAX Yv | repe name:scasw/scasd/scasq
e4       | in      | AL Ib |
e5       | in      | eAX Ib |
e6       | out     | Ib AL |
e7       | out     | Ib eAX |
ec       | in      | AL DX |
ed       | in      | eAX DX |
ee       | out     | DX AL |
ef       | out     | DX eAX |
`;

const CONTROL = `
62 /r mem | bound  | Gv Ma | no64
63 /r    | arpl    | Ew Gw | no64 pm
70+cc    | jcc     | Jb    | f64
9a       | callf   | Ap    | no64 name:call
9b       | wait    |       |
c2       | ret     | Iw    | f64
c3       | ret     |       | f64
ca       | retf    | Iw    |
cb       | retf    |       |
cc       | int3    |       |
cd       | int     | Ib    |
ce       | into    |       | no64
cf       | iret    |       | name:iret/iretd/iretq
e0       | loopne  | Jb    | f64
e1       | loope   | Jb    | f64
e2       | loop    | Jb    | f64
e3       | jcxz    | Jb    | f64 addrname:jcxz/jecxz/jrcxz
e8       | call    | Jz    | f64
e9       | jmp     | Jz    | f64
ea       | jmpf    | Ap    | no64 name:jmp
eb       | jmp     | Jb    | f64
f1       | int1    |       |
f4       | hlt     |       | cpl0
fa       | cli     |       |
fb       | sti     |       |
ff /2    | call    | Ev    | f64
ff /3 mem | callf  | Mp    | name:call
ff /4    | jmp     | Ev    | f64
ff /5 mem | jmpf   | Mp    | name:jmp
ff /6    | push    | Ev    | d64
`;

export const ONE_BYTE_TABLES = [
  ...ARITHMETIC.map(arithmeticLines),
  ...SHIFTS.map(shiftLines),
  MOVES,
  ARITHMETIC_REST,
  STRINGS_AND_PORTS,
  CONTROL,
];
