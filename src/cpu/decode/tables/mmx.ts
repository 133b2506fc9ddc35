/**
 * MMX instructions and the SSE2/SSSE3 ones that are the same on XMM registers with prefix 66
 * (SDM 2D, Two- and Three-Byte Opcode Maps).
 */

/**
 * Two rows from one line `opcode | name | third operand | option | features`: on MMX registers
 * without a prefix, on XMM registers with 66.
 */
function onBothRegisterFiles(lines: string, mmxFeature: string, xmmFeature: string): string {
  return lines
    .trim()
    .split("\n")
    .map((line) => {
      const [encoding = "", name = "", operands = ""] = line.split("|");
      const onXmm = operands.replace(/P\w/, "Vx").replace(/Q\w/, "Wx").replace(/N\w/, "Ux");
      return `np ${encoding}|${name}|${operands}|${mmxFeature}
66 ${encoding}|${name}|${onXmm}|${xmmFeature}`;
    })
    .join("\n");
}

const FROM_MMX = `
0f 60 /r | punpcklbw | Pq Qd
0f 61 /r | punpcklwd | Pq Qd
0f 62 /r | punpckldq | Pq Qd
0f 63 /r | packsswb  | Pq Qq
0f 64 /r | pcmpgtb   | Pq Qq
0f 65 /r | pcmpgtw   | Pq Qq
0f 66 /r | pcmpgtd   | Pq Qq
0f 67 /r | packuswb  | Pq Qq
0f 68 /r | punpckhbw | Pq Qq
0f 69 /r | punpckhwd | Pq Qq
0f 6a /r | punpckhdq | Pq Qq
0f 6b /r | packssdw  | Pq Qq
0f 71 /2 reg | psrlw | Nq Ib
0f 71 /4 reg | psraw | Nq Ib
0f 71 /6 reg | psllw | Nq Ib
0f 72 /2 reg | psrld | Nq Ib
0f 72 /4 reg | psrad | Nq Ib
0f 72 /6 reg | pslld | Nq Ib
0f 73 /2 reg | psrlq | Nq Ib
0f 73 /6 reg | psllq | Nq Ib
0f 74 /r | pcmpeqb   | Pq Qq
0f 75 /r | pcmpeqw   | Pq Qq
0f 76 /r | pcmpeqd   | Pq Qq
0f d1 /r | psrlw     | Pq Qq
0f d2 /r | psrld     | Pq Qq
0f d3 /r | psrlq     | Pq Qq
0f d5 /r | pmullw    | Pq Qq
0f d8 /r | psubusb   | Pq Qq
0f d9 /r | psubusw   | Pq Qq
0f db /r | pand      | Pq Qq
0f dc /r | paddusb   | Pq Qq
0f dd /r | paddusw   | Pq Qq
0f df /r | pandn     | Pq Qq
0f e1 /r | psraw     | Pq Qq
0f e2 /r | psrad     | Pq Qq
0f e5 /r | pmulhw    | Pq Qq
0f e8 /r | psubsb    | Pq Qq
0f e9 /r | psubsw    | Pq Qq
0f eb /r | por       | Pq Qq
0f ec /r | paddsb    | Pq Qq
0f ed /r | paddsw    | Pq Qq
0f ef /r | pxor      | Pq Qq
0f f1 /r | psllw     | Pq Qq
0f f2 /r | pslld     | Pq Qq
0f f3 /r | psllq     | Pq Qq
0f f5 /r | pmaddwd   | Pq Qq
0f f8 /r | psubb     | Pq Qq
0f f9 /r | psubw     | Pq Qq
0f fa /r | psubd     | Pq Qq
0f fc /r | paddb     | Pq Qq
0f fd /r | paddw     | Pq Qq
0f fe /r | paddd     | Pq Qq
`;

const FROM_SSE = `
0f d7 /r reg | pmovmskb | Gy Nq
0f da /r | pminub    | Pq Qq
0f de /r | pmaxub    | Pq Qq
0f e0 /r | pavgb     | Pq Qq
0f e3 /r | pavgw     | Pq Qq
0f e4 /r | pmulhuw   | Pq Qq
0f ea /r | pminsw    | Pq Qq
0f ee /r | pmaxsw    | Pq Qq
0f f6 /r | psadbw    | Pq Qq
0f c4 /r | pinsrw    | Pq Ry/Mw Ib
0f c5 /r reg | pextrw | Gy Nq Ib
`;

const FROM_SSE2 = `
0f d4 /r | paddq     | Pq Qq
0f f4 /r | pmuludq   | Pq Qq
0f fb /r | psubq     | Pq Qq
`;

const FROM_SSSE3 = `
0f 38 00 /r | pshufb    | Pq Qq
0f 38 01 /r | phaddw    | Pq Qq
0f 38 02 /r | phaddd    | Pq Qq
0f 38 03 /r | phaddsw   | Pq Qq
0f 38 04 /r | pmaddubsw | Pq Qq
0f 38 05 /r | phsubw    | Pq Qq
0f 38 06 /r | phsubd    | Pq Qq
0f 38 07 /r | phsubsw   | Pq Qq
0f 38 08 /r | psignb    | Pq Qq
0f 38 09 /r | psignw    | Pq Qq
0f 38 0a /r | psignd    | Pq Qq
0f 38 0b /r | pmulhrsw  | Pq Qq
0f 38 1c /r | pabsb     | Pq Qq
0f 38 1d /r | pabsw     | Pq Qq
0f 38 1e /r | pabsd     | Pq Qq
0f 3a 0f /r | palignr   | Pq Qq Ib
`;

const MMX_ONLY = `
np 0f 6e /r | movd    | Pq Ey | mmx name:movd/movd/movq
np 0f 6f /r | movq    | Pq Qq | mmx
np 0f 70 /r | pshufw  | Pq Qq Ib | sse
np 0f 77    | emms    |       | mmx
np 0f 7e /r | movd    | Ey Pq | mmx name:movd/movd/movq
np 0f 7f /r | movq    | Qq Pq | mmx
np 0f e7 /r mem | movntq | Mq Pq | sse
np 0f f7 /r reg | maskmovq | Pq Nq | sse
`;

export const MMX_TABLES = [
  onBothRegisterFiles(FROM_MMX, "mmx", "sse2"),
  onBothRegisterFiles(FROM_SSE, "sse", "sse2"),
  onBothRegisterFiles(FROM_SSE2, "sse2", "sse2"),
  onBothRegisterFiles(FROM_SSSE3, "ssse3", "ssse3"),
  MMX_ONLY,
];
