/** Strings for a guest. */
import { badArgument } from "../../base/errors.ts";

const MAX_TEXT_BYTES = 4095;

/** UTF-8 with a NUL at the end. */
export function zeroTerminated(text: string, what: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.includes(0)) badArgument(what, "no NUL character", text);
  if (bytes.length > MAX_TEXT_BYTES) {
    badArgument(what, `at most ${MAX_TEXT_BYTES} bytes`, `${bytes.length} bytes`);
  }
  const terminated = new Uint8Array(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}
