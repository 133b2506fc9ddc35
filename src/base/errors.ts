/**
 * The third kind of failure (the other two are values: the guest's fault and the kernel's errno):
 * a bug of ours, or a caller's bad argument. Both are thrown and name what was expected and what
 * came.
 */
import { hex } from "./hex.ts";

/** A caller's argument is outside what the function accepts. */
export class ArgumentError extends Error {
  override readonly name: string = "ArgumentError";
}

/** Something that the code relies on does not hold: a bug in pml5 itself. */
export class InvariantError extends Error {
  override readonly name: string = "InvariantError";
}

/**
 * Throws an `ArgumentError` of the form `frames: expected 1..524288, got 0`.
 * @param what the argument's name, as the caller knows it
 */
export function badArgument(what: string, expected: string, got: unknown): never {
  throw new ArgumentError(`${what}: expected ${expected}, got ${describeValue(got)}`);
}

/** Throws an `InvariantError` unless `condition` holds. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

function describeValue(value: unknown): string {
  if (typeof value === "bigint") return value < 0n ? `-${hex(-value)}` : hex(value);
  if (typeof value === "number" && Number.isInteger(value) && value > 4096) return hex(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
