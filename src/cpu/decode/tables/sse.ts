/** SSE … SSE3 on XMM registers, map 0F (SDM 2D, Two-Byte Opcode Map). */

/** Arithmetic that exists packed and scalar, single and double. */
const FOUR_FORMS = [
  ["51", "sqrt"],
  ["58", "add"],
  ["59", "mul"],
  ["5c", "sub"],
  ["5d", "min"],
  ["5e", "div"],
  ["5f", "max"],
] as const;

function fourForms([opcode, name]: (typeof FOUR_FORMS)[number]): string {
  return `
np 0f ${opcode} /r | ${name}ps | Vx Wx | sse
66 0f ${opcode} /r | ${name}pd | Vx Wx | sse2
f3 0f ${opcode} /r | ${name}ss | Vx Wd | sse
f2 0f ${opcode} /r | ${name}sd | Vx Wq | sse2`;
}

const MOVES = `
np 0f 10 /r | movups   | Vx Wx | sse
66 0f 10 /r | movupd   | Vx Wx | sse2
f3 0f 10 /r | movss    | Vx Wd | sse
f2 0f 10 /r | movsd    | Vx Wq | sse2
np 0f 11 /r | movups   | Wx Vx | sse
66 0f 11 /r | movupd   | Wx Vx | sse2
f3 0f 11 /r | movss    | Wd Vx | sse
f2 0f 11 /r | movsd    | Wq Vx | sse2
np 0f 12 /r mem | movlps  | Vx Mq | sse
np 0f 12 /r reg | movhlps | Vx Ux | sse
66 0f 12 /r mem | movlpd  | Vx Mq | sse2
f3 0f 12 /r | movsldup | Vx Wx | pni
f2 0f 12 /r | movddup  | Vx Wq | pni
np 0f 13 /r mem | movlps  | Mq Vx | sse
66 0f 13 /r mem | movlpd  | Mq Vx | sse2
np 0f 16 /r mem | movhps  | Vx Mq | sse
np 0f 16 /r reg | movlhps | Vx Ux | sse
66 0f 16 /r mem | movhpd  | Vx Mq | sse2
f3 0f 16 /r | movshdup | Vx Wx | pni
np 0f 17 /r mem | movhps  | Mq Vx | sse
66 0f 17 /r mem | movhpd  | Mq Vx | sse2
np 0f 28 /r | movaps   | Vx Wx | sse
66 0f 28 /r | movapd   | Vx Wx | sse2
np 0f 29 /r | movaps   | Wx Vx | sse
66 0f 29 /r | movapd   | Wx Vx | sse2
np 0f 2b /r mem | movntps | Mx Vx | sse
66 0f 2b /r mem | movntpd | Mx Vx | sse2
np 0f 50 /r reg | movmskps | Gy Ux | sse
66 0f 50 /r reg | movmskpd | Gy Ux | sse2
66 0f 6e /r | movd     | Vx Ey | sse2 name:movd/movd/movq
66 0f 6f /r | movdqa   | Vx Wx | sse2
f3 0f 6f /r | movdqu   | Vx Wx | sse2
66 0f 7e /r | movd     | Ey Vx | sse2 name:movd/movd/movq
f3 0f 7e /r | movq     | Vx Wq | sse2
66 0f 7f /r | movdqa   | Wx Vx | sse2
f3 0f 7f /r | movdqu   | Wx Vx | sse2
66 0f d6 /r | movq     | Wq Vx | sse2
f3 0f d6 /r reg | movq2dq | Vx Nq | sse2
f2 0f d6 /r reg | movdq2q | Pq Ux | sse2
66 0f e7 /r mem | movntdq | Mx Vx | sse2
f2 0f f0 /r mem | lddqu   | Vx Mx | pni
66 0f f7 /r reg | maskmovdqu | Vx Ux | sse2
`;

const SHUFFLES_AND_LOGIC = `
np 0f 14 /r | unpcklps | Vx Wx | sse
66 0f 14 /r | unpcklpd | Vx Wx | sse2
np 0f 15 /r | unpckhps | Vx Wx | sse
66 0f 15 /r | unpckhpd | Vx Wx | sse2
np 0f 54 /r | andps    | Vx Wx | sse
66 0f 54 /r | andpd    | Vx Wx | sse2
np 0f 55 /r | andnps   | Vx Wx | sse
66 0f 55 /r | andnpd   | Vx Wx | sse2
np 0f 56 /r | orps     | Vx Wx | sse
66 0f 56 /r | orpd     | Vx Wx | sse2
np 0f 57 /r | xorps    | Vx Wx | sse
66 0f 57 /r | xorpd    | Vx Wx | sse2
66 0f 6c /r | punpcklqdq | Vx Wx | sse2
66 0f 6d /r | punpckhqdq | Vx Wx | sse2
66 0f 70 /r | pshufd   | Vx Wx Ib | sse2
f3 0f 70 /r | pshufhw  | Vx Wx Ib | sse2
f2 0f 70 /r | pshuflw  | Vx Wx Ib | sse2
66 0f 73 /3 reg | psrldq | Ux Ib | sse2
66 0f 73 /7 reg | pslldq | Ux Ib | sse2
np 0f c6 /r | shufps   | Vx Wx Ib | sse
66 0f c6 /r | shufpd   | Vx Wx Ib | sse2
`;

const ARITHMETIC = `
np 0f 2e /r | ucomiss  | Vx Wd | sse
66 0f 2e /r | ucomisd  | Vx Wq | sse2
np 0f 2f /r | comiss   | Vx Wd | sse
66 0f 2f /r | comisd   | Vx Wq | sse2
np 0f 52 /r | rsqrtps  | Vx Wx | sse
f3 0f 52 /r | rsqrtss  | Vx Wd | sse
np 0f 53 /r | rcpps    | Vx Wx | sse
f3 0f 53 /r | rcpss    | Vx Wd | sse
66 0f 7c /r | haddpd   | Vx Wx | pni
f2 0f 7c /r | haddps   | Vx Wx | pni
66 0f 7d /r | hsubpd   | Vx Wx | pni
f2 0f 7d /r | hsubps   | Vx Wx | pni
np 0f c2 /r | cmpps    | Vx Wx Ib | sse
66 0f c2 /r | cmppd    | Vx Wx Ib | sse2
f3 0f c2 /r | cmpss    | Vx Wd Ib | sse
f2 0f c2 /r | cmpsd    | Vx Wq Ib | sse2
66 0f d0 /r | addsubpd | Vx Wx | pni
f2 0f d0 /r | addsubps | Vx Wx | pni
`;

const CONVERSIONS = `
np 0f 2a /r | cvtpi2ps  | Vx Qq | sse
66 0f 2a /r | cvtpi2pd  | Vx Qq | sse2
f3 0f 2a /r | cvtsi2ss  | Vx Ey | sse
f2 0f 2a /r | cvtsi2sd  | Vx Ey | sse2
np 0f 2c /r | cvttps2pi | Pq Wq | sse
66 0f 2c /r | cvttpd2pi | Pq Wx | sse2
f3 0f 2c /r | cvttss2si | Gy Wd | sse
f2 0f 2c /r | cvttsd2si | Gy Wq | sse2
np 0f 2d /r | cvtps2pi  | Pq Wq | sse
66 0f 2d /r | cvtpd2pi  | Pq Wx | sse2
f3 0f 2d /r | cvtss2si  | Gy Wd | sse
f2 0f 2d /r | cvtsd2si  | Gy Wq | sse2
np 0f 5a /r | cvtps2pd  | Vx Wq | sse2
66 0f 5a /r | cvtpd2ps  | Vx Wx | sse2
f3 0f 5a /r | cvtss2sd  | Vx Wd | sse2
f2 0f 5a /r | cvtsd2ss  | Vx Wq | sse2
np 0f 5b /r | cvtdq2ps  | Vx Wx | sse2
66 0f 5b /r | cvtps2dq  | Vx Wx | sse2
f3 0f 5b /r | cvttps2dq | Vx Wx | sse2
66 0f e6 /r | cvttpd2dq | Vx Wx | sse2
f3 0f e6 /r | cvtdq2pd  | Vx Wq | sse2
f2 0f e6 /r | cvtpd2dq  | Vx Wx | sse2
`;

export const SSE_TABLES = [
  ...FOUR_FORMS.map(fourForms),
  MOVES,
  SHUFFLES_AND_LOGIC,
  ARITHMETIC,
  CONVERSIONS,
];
