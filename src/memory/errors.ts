/** What can go wrong when the map of physical memory is changed or used up. */
import { ArgumentError } from "../base/errors.ts";

/** The range overlaps something that is already there. State is unchanged. */
export class OverlapError extends ArgumentError {
  override readonly name = "OverlapError";
}

/** Base or size is not a multiple of the unit, is empty, or leaves the address space. */
export class AlignmentError extends ArgumentError {
  override readonly name = "AlignmentError";
}

/** Nothing (or not everything) of the range is there. State is unchanged. */
export class AbsentError extends ArgumentError {
  override readonly name = "AbsentError";
}

/** The host has no memory left for what was asked. */
export class ResourceError extends Error {
  override readonly name = "ResourceError";
}
