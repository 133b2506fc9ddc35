/**
 * Disassembly for people: Intel syntax, by iced-x86, which is loaded at the first call and by
 * nothing else in pml5 (it takes 76 ms and 2 MB).
 */

import { badArgument } from "../base/errors.ts";

/** One disassembled instruction. */
export interface DisassembledInstruction {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** Intel syntax, hexadecimal with 0x; `(bad)` for an invalid or cut-off encoding. */
  readonly text: string;
}

/**
 * Disassembles consecutive instructions.
 * @param bytes code; what iced knows is shown, also what no processor of pml5's announces (AVX)
 * @param address linear address of the first byte, 0 .. 2^64-1
 * @param mode 16, 32 or 64: the size of the code segment
 * @param maxInstructions stop after so many (default: at the end of `bytes`)
 * @throws ArgumentError for another mode
 */
export async function disassemble(
  bytes: Uint8Array,
  address: bigint,
  mode: 16 | 32 | 64,
  maxInstructions = Number.POSITIVE_INFINITY,
): Promise<DisassembledInstruction[]> {
  if (mode !== 16 && mode !== 32 && mode !== 64) badArgument("mode", "16, 32 or 64", mode);
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction } = await import(
    "iced-x86"
  );
  const decoder = new Decoder(mode, bytes, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Intel);
  const instruction = new Instruction();
  formatter.hexPrefix = "0x";
  formatter.hexSuffix = "";
  formatter.spaceAfterOperandSeparator = true;
  decoder.ip = address;
  const lines: DisassembledInstruction[] = [];
  try {
    while (decoder.canDecode && lines.length < maxInstructions) {
      const start = decoder.position;
      decoder.decodeOut(instruction);
      lines.push({
        address: instruction.ip,
        bytes: bytes.slice(start, decoder.position),
        text: formatter.format(instruction),
      });
    }
  } finally {
    for (const resource of [decoder, formatter, instruction]) resource.free();
  }
  return lines;
}
