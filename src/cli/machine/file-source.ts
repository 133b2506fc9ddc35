/** A file of the host as a source of bytes. */
import { readFileSync } from "node:fs";
import { type ByteSource, bytesSource } from "../../base/byte-source.ts";
import { UsageError } from "../command.ts";

/** Reads the whole file: images and modules are smaller than the guest's memory. */
export function fileSource(path: string): ByteSource {
  try {
    return bytesSource(readFileSync(path), path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`${path}: ${code === "ENOENT" ? "no such file" : message}`);
  }
}
