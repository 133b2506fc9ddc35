/** Makes a failing encoding as short and plain as it goes. */

import type { DecodeMode } from "../../../src/cpu/decode/decoder.ts";
import { compareOne } from "./oracle.ts";

/**
 * @param bytes an encoding that both decoders see differently
 * @returns the message for the plainest one found by dropping and zeroing bytes
 */
export function shrunkFailure(bytes: Uint8Array, mode: DecodeMode): string {
  let best = bytes;
  for (let changed = true; changed; ) {
    changed = false;
    for (const candidate of simplerThan(best)) {
      if (compareOne(candidate, mode) === "") continue;
      best = candidate;
      changed = true;
      break;
    }
  }
  return compareOne(best, mode);
}

function* simplerThan(bytes: Uint8Array): Generator<Uint8Array> {
  for (let i = 0; i < bytes.length; i++) {
    yield Uint8Array.from([...bytes.subarray(0, i), ...bytes.subarray(i + 1)]);
  }
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    for (const smaller of [0, byte & (byte - 1), byte & ~0x3f]) {
      if (smaller < byte) yield bytes.with(i, smaller);
    }
  }
}
