/** The x87 escapes D8 … DF (SDM 2D, Opcode Extensions For x87 Instructions). */

const DYADIC = ["fadd", "fmul", "fcom", "fcomp", "fsub", "fsubr", "fdiv", "fdivr"];

/** Forms that all eight dyadic operations have: with m32, m64, m32int, m16int and ST(i). */
function dyadicLines(name: string, n: number): string {
  const integer = `fi${name.slice(1)}`;
  return `
d8 /${n} mem | ${name} | Md |
d8 /${n} reg | ${name} | ST0 Fx |
da /${n} mem | ${integer} | Md |
dc /${n} mem | ${name} | Mq |
de /${n} mem | ${integer} | Mw |`;
}

const LOADS_AND_STORES = `
d9 /0 mem | fld     | Md |
d9 /2 mem | fst     | Md |
d9 /3 mem | fstp    | Md |
db /0 mem | fild    | Md |
db /1 mem | fisttp  | Md | pni
db /2 mem | fist    | Md |
db /3 mem | fistp   | Md |
db /5 mem | fld     | Mt |
db /7 mem | fstp    | Mt |
dd /0 mem | fld     | Mq |
dd /1 mem | fisttp  | Mq | pni
dd /2 mem | fst     | Mq |
dd /3 mem | fstp    | Mq |
df /0 mem | fild    | Mw |
df /1 mem | fisttp  | Mw | pni
df /2 mem | fist    | Mw |
df /3 mem | fistp   | Mw |
df /4 mem | fbld    | Mt |
df /5 mem | fild    | Mq |
df /6 mem | fbstp   | Mt |
df /7 mem | fistp   | Mq |
d9 /0 reg | fld     | Fx |
dd /2 reg | fst     | Fx |
dd /3 reg | fstp    | Fx |
d9 /1 reg | fxch    | ST0 Fx |
da /0 reg | fcmovb  | ST0 Fx |
da /1 reg | fcmove  | ST0 Fx |
da /2 reg | fcmovbe | ST0 Fx |
da /3 reg | fcmovu  | ST0 Fx |
db /0 reg | fcmovnb | ST0 Fx |
db /1 reg | fcmovne | ST0 Fx |
db /2 reg | fcmovnbe | ST0 Fx |
db /3 reg | fcmovnu | ST0 Fx |
`;

const CONTROL = `
d9 /4 mem | fldenv  | M  |
d9 /5 mem | fldcw   | Mw |
d9 /6 mem | fnstenv | M  |
d9 /7 mem | fnstcw  | Mw |
d9 =d0    | fnop    |    |
d9 =f6    | fdecstp |    |
d9 =f7    | fincstp |    |
db =e0    | fnop    |    | name:fneni
db =e1    | fnop    |    | name:fndisi
db =e2    | fnclex  |    |
db =e3    | fninit  |    |
db =e4    | fnop    |    | name:fnsetpm
dd /4 mem | frstor  | M  |
dd /6 mem | fnsave  | M  |
dd /7 mem | fnstsw  | Mw |
dd /0 reg | ffree   | Fx |
df /0 reg | ffreep  | Fx |
df =e0    | fnstsw  | AX |
`;

const ARITHMETIC = `
d9 =e0    | fchs    |    |
d9 =e1    | fabs    |    |
d9 =e4    | ftst    |    |
d9 =e5    | fxam    |    |
d9 =e8    | fld1    |    |
d9 =e9    | fldl2t  |    |
d9 =ea    | fldl2e  |    |
d9 =eb    | fldpi   |    |
d9 =ec    | fldlg2  |    |
d9 =ed    | fldln2  |    |
d9 =ee    | fldz    |    |
d9 =f0    | f2xm1   |    |
d9 =f1    | fyl2x   |    |
d9 =f2    | fptan   |    |
d9 =f3    | fpatan  |    |
d9 =f4    | fxtract |    |
d9 =f5    | fprem1  |    |
d9 =f8    | fprem   |    |
d9 =f9    | fyl2xp1 |    |
d9 =fa    | fsqrt   |    |
d9 =fb    | fsincos |    |
d9 =fc    | frndint |    |
d9 =fd    | fscale  |    |
d9 =fe    | fsin    |    |
d9 =ff    | fcos    |    |
da =e9    | fucompp |    |
db /5 reg | fucomi  | ST0 Fx |
db /6 reg | fcomi   | ST0 Fx |
dc /0 reg | fadd    | Fx ST0 |
dc /1 reg | fmul    | Fx ST0 |
dc /4 reg | fsubr   | Fx ST0 |
dc /5 reg | fsub    | Fx ST0 |
dc /6 reg | fdivr   | Fx ST0 |
dc /7 reg | fdiv    | Fx ST0 |
dd /4 reg | fucom   | ST0 Fx |
dd /5 reg | fucomp  | ST0 Fx |
de /0 reg | faddp   | Fx ST0 |
de /1 reg | fmulp   | Fx ST0 |
de =d9    | fcompp  |    |
de /4 reg | fsubrp  | Fx ST0 |
de /5 reg | fsubp   | Fx ST0 |
de /6 reg | fdivrp  | Fx ST0 |
de /7 reg | fdivp   | Fx ST0 |
df /5 reg | fucomip | ST0 Fx |
df /6 reg | fcomip  | ST0 Fx |
`;

/** Encodings that the manual leaves empty and processors execute as their neighbours. */
const ALIASES = `
d9 /3 reg | fstp    | Fx | name:fstpnce
dc /2 reg | fcom    | ST0 Fx |
dc /3 reg | fcomp   | ST0 Fx |
dd /1 reg | fxch    | ST0 Fx |
de /2 reg | fcomp   | ST0 Fx |
df /1 reg | fxch    | ST0 Fx |
df /2 reg | fstp    | Fx |
df /3 reg | fstp    | Fx |
`;

export const X87_TABLES = [
  ...DYADIC.map(dyadicLines),
  LOADS_AND_STORES,
  CONTROL,
  ARITHMETIC,
  ALIASES,
];
