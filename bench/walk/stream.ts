/** The linear addresses that a benchmark walks: seeded, and the same for both sides. */
import { Random } from "../harness/random.ts";
import { pageBytesOf, type Shape, SIZES } from "./shape.ts";

const ENTRIES = 512;
const TWO_32 = 4294967296;

/**
 * Fills `words` with the stream: 64-bit addresses, lower half first.
 *
 * With A and D clear, no page comes twice, so that every walk has something to set.
 */
export function fillStream(shape: Shape, words: Uint32Array): void {
  const random = new Random(0x57a1);
  const pageBytes = pageBytesOf(shape.leaf);
  const pages = SIZES[shape.footprint].leafTables * ENTRIES;
  const page = pageChoice(shape, pages, random);
  for (let i = 0; i < words.length; i += 2) {
    const linear = page(i / 2) * pageBytes + random.below(pageBytes / 8) * 8;
    words[i] = linear % TWO_32;
    words[i + 1] = Math.floor(linear / TWO_32);
  }
}

function pageChoice({ order, clearAccessedDirty }: Shape, pages: number, random: Random) {
  if (order === "sequential") return (i: number) => i % pages;
  if (!clearAccessedDirty) return () => random.below(pages);
  // An odd multiplier permutes the residues of a power of two.
  const multiplier = 2 * random.below(2 ** 24) + 1;
  return (i: number) => (i * multiplier) % pages;
}
