/** Which rows the guests of test/guests contain where they execute. */
import { DECODE_OK, type DecodedInstruction } from "../../src/cpu/decode/decoded.ts";
import { type DecodeMode, Decoder } from "../../src/cpu/decode/decoder.ts";
import type { InstructionRow } from "../../src/cpu/decode/row.ts";
import { instructionRows } from "../../src/cpu/decode/rows.ts";
import { EXPECTED } from "../guests/expected.ts";
import { runGuest } from "../guests/guest-run.ts";
import { keyOfRow } from "./record.ts";

/** Runs all guests. @returns "mode key" of each row in a block that was entered */
export function guestRows(): Set<string> {
  const found = new Set<string>();
  const { decode } = Decoder.prototype;
  Decoder.prototype.decode = function (
    bytes: Uint8Array,
    offset: number,
    available: number,
    mode: DecodeMode,
    into: DecodedInstruction,
  ) {
    const status = decode.call(this, bytes, offset, available, mode, into);
    if (status === DECODE_OK) {
      found.add(`${mode} ${keyOfRow(instructionRows[into.row] as InstructionRow)}`);
    }
    return status;
  };
  try {
    for (const name of Object.keys(EXPECTED)) {
      for (const levels of [4, 5] as const) runGuest(name, levels);
    }
    runGuest("smp", 4, { cpus: 2 });
  } finally {
    Decoder.prototype.decode = decode;
  }
  return found;
}
