/**
 * Machine code as a listing: hex bytes, a comment after `;`, labels.
 *
 *     start: b9 05 00 00 00    ; mov ecx, 5
 *     again: 48 ff c9          ; dec rcx
 *            75 rel8:again     ; jnz again
 *
 * `rel8:x` and `rel32:x` are distances to a label from the end of the field, `abs32:x` and `abs64:x`
 * its address.
 */

export interface Listing {
  readonly bytes: Uint8Array;
  readonly labels: ReadonlyMap<string, number>;
}

const FIELD = /^(rel8|rel32|abs32|abs64):(\w+)$/;
const FIELD_BYTES: Readonly<Record<string, number>> = { rel8: 1, rel32: 4, abs32: 4, abs64: 8 };

/** @param base address of the first byte */
export function assemble(base: number, text: string): Listing {
  const labels = new Map<string, number>();
  const words: string[] = [];
  let length = 0;
  for (const word of text.split("\n").flatMap((line) => (line.split(";")[0] ?? "").split(/\s+/))) {
    if (word === "") continue;
    if (word.endsWith(":")) labels.set(word.slice(0, -1), base + length);
    else {
      words.push(word);
      length += FIELD_BYTES[FIELD.exec(word)?.[1] ?? ""] ?? 1;
    }
  }
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const word of words) {
    const field = FIELD.exec(word);
    if (!field) {
      if (!/^[0-9a-f]{2}$/.test(word)) throw new Error(`listing: expected a byte, got ${word}`);
      bytes[at++] = Number.parseInt(word, 16);
      continue;
    }
    const [, kind = "", name = ""] = field;
    const target = labels.get(name);
    if (target === undefined) throw new Error(`listing: no label ${name}`);
    const size = FIELD_BYTES[kind] as number;
    const value = kind.startsWith("rel") ? target - (base + at + size) : target;
    if (size === 1) view.setInt8(at, value);
    else if (size === 4) view.setInt32(at, value, true);
    else view.setBigInt64(at, BigInt(value), true);
    at += size;
  }
  return { bytes, labels };
}
