/** SSE4.1, SSE4.2, AES, PCLMULQDQ and SHA: maps 0F38 and 0F3A (SDM 2D, Three-Byte Opcode Maps). */

/** Sign and zero extension: the same six widths, sixteen opcodes apart. */
function extensionLines(firstDigit: string, name: string): string {
  return `
66 0f 38 ${firstDigit}0 /r | ${name}bw | Vx Wq | sse4.1
66 0f 38 ${firstDigit}1 /r | ${name}bd | Vx Wd | sse4.1
66 0f 38 ${firstDigit}2 /r | ${name}bq | Vx Ww | sse4.1
66 0f 38 ${firstDigit}3 /r | ${name}wd | Vx Wq | sse4.1
66 0f 38 ${firstDigit}4 /r | ${name}wq | Vx Wd | sse4.1
66 0f 38 ${firstDigit}5 /r | ${name}dq | Vx Wq | sse4.1`;
}

const SSE4 = `
66 0f 38 10 /r | pblendvb   | Vx Wx | sse4.1
66 0f 38 14 /r | blendvps   | Vx Wx | sse4.1
66 0f 38 15 /r | blendvpd   | Vx Wx | sse4.1
66 0f 38 17 /r | ptest      | Vx Wx | sse4.1
66 0f 38 28 /r | pmuldq     | Vx Wx | sse4.1
66 0f 38 29 /r | pcmpeqq    | Vx Wx | sse4.1
66 0f 38 2a /r mem | movntdqa | Vx Mx | sse4.1
66 0f 38 2b /r | packusdw   | Vx Wx | sse4.1
66 0f 38 37 /r | pcmpgtq    | Vx Wx | sse4.2
66 0f 38 38 /r | pminsb     | Vx Wx | sse4.1
66 0f 38 39 /r | pminsd     | Vx Wx | sse4.1
66 0f 38 3a /r | pminuw     | Vx Wx | sse4.1
66 0f 38 3b /r | pminud     | Vx Wx | sse4.1
66 0f 38 3c /r | pmaxsb     | Vx Wx | sse4.1
66 0f 38 3d /r | pmaxsd     | Vx Wx | sse4.1
66 0f 38 3e /r | pmaxuw     | Vx Wx | sse4.1
66 0f 38 3f /r | pmaxud     | Vx Wx | sse4.1
66 0f 38 40 /r | pmulld     | Vx Wx | sse4.1
66 0f 38 41 /r | phminposuw | Vx Wx | sse4.1
66 0f 3a 08 /r | roundps    | Vx Wx Ib | sse4.1
66 0f 3a 09 /r | roundpd    | Vx Wx Ib | sse4.1
66 0f 3a 0a /r | roundss    | Vx Wd Ib | sse4.1
66 0f 3a 0b /r | roundsd    | Vx Wq Ib | sse4.1
66 0f 3a 0c /r | blendps    | Vx Wx Ib | sse4.1
66 0f 3a 0d /r | blendpd    | Vx Wx Ib | sse4.1
66 0f 3a 0e /r | pblendw    | Vx Wx Ib | sse4.1
66 0f 3a 14 /r | pextrb     | Ry/Mb Vx Ib | sse4.1
66 0f 3a 15 /r | pextrw     | Ry/Mw Vx Ib | sse4.1
66 0f 3a 16 /r | pextrd     | Ey Vx Ib | sse4.1 name:pextrd/pextrd/pextrq
66 0f 3a 17 /r | extractps  | Ry/Md Vx Ib | sse4.1
66 0f 3a 20 /r | pinsrb     | Vx Ry/Mb Ib | sse4.1
66 0f 3a 21 /r | insertps   | Vx Wd Ib | sse4.1
66 0f 3a 22 /r | pinsrd     | Vx Ey Ib | sse4.1 name:pinsrd/pinsrd/pinsrq
66 0f 3a 40 /r | dpps       | Vx Wx Ib | sse4.1
66 0f 3a 41 /r | dppd       | Vx Wx Ib | sse4.1
66 0f 3a 42 /r | mpsadbw    | Vx Wx Ib | sse4.1
66 0f 3a 60 /r | pcmpestrm  | Vx Wx Ib | sse4.2 name:pcmpestrm/pcmpestrm/pcmpestrm64
66 0f 3a 61 /r | pcmpestri  | Vx Wx Ib | sse4.2 name:pcmpestri/pcmpestri/pcmpestri64
66 0f 3a 62 /r | pcmpistrm  | Vx Wx Ib | sse4.2
66 0f 3a 63 /r | pcmpistri  | Vx Wx Ib | sse4.2
`;

const CRYPTOGRAPHY = `
np 0f 38 c8 /r | sha1nexte   | Vx Wx | sha-ni
np 0f 38 c9 /r | sha1msg1    | Vx Wx | sha-ni
np 0f 38 ca /r | sha1msg2    | Vx Wx | sha-ni
np 0f 38 cb /r | sha256rnds2 | Vx Wx | sha-ni
np 0f 38 cc /r | sha256msg1  | Vx Wx | sha-ni
np 0f 38 cd /r | sha256msg2  | Vx Wx | sha-ni
np 0f 3a cc /r | sha1rnds4   | Vx Wx Ib | sha-ni
66 0f 38 db /r | aesimc      | Vx Wx | aes
66 0f 38 dc /r | aesenc      | Vx Wx | aes
66 0f 38 dd /r | aesenclast  | Vx Wx | aes
66 0f 38 de /r | aesdec      | Vx Wx | aes
66 0f 38 df /r | aesdeclast  | Vx Wx | aes
66 0f 3a df /r | aeskeygenassist | Vx Wx Ib | aes
66 0f 3a 44 /r | pclmulqdq   | Vx Wx Ib | pclmulqdq
`;

export const SSE4_TABLES = [
  extensionLines("2", "pmovsx"),
  extensionLines("3", "pmovzx"),
  SSE4,
  CRYPTOGRAPHY,
];
