/**
 * A recorded sample of native results: some cases of every row with what a processor made of them,
 * so that pml5 is held to silicon where there is no compiler, too.
 *
 * sample.bin.br is brotli over: a line of JSON, then for each section its cases and results, one
 * result behind each case.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, brotliDecompressSync, constants } from "node:zlib";
import { type CaseMode, newCases, newResults, type Records } from "./cases.ts";

const FILE = new URL("./sample.bin.br", import.meta.url);
const NEWLINE = 10;
/** 4 MiB: more than the whole sample. */
const WINDOW_BITS = 22;

export interface Section {
  readonly vectors: boolean;
  readonly cases: Records;
  readonly native: Records;
}

interface Header {
  readonly processor: string;
  readonly sections: readonly { mode: CaseMode; vectors: boolean; count: number }[];
}

export interface Sample {
  /** The processor that gave the results. */
  readonly processor: string;
  readonly sections: readonly Section[];
}

export function readSample(): Sample {
  const bytes = brotliDecompressSync(readFileSync(FILE));
  let at = bytes.indexOf(NEWLINE) + 1;
  const { processor, sections } = JSON.parse(bytes.toString("utf8", 0, at)) as Header;
  const take = (to: Records, index: number) => {
    to.bytes.set(bytes.subarray(at, at + to.strideBytes), to.at(index));
    at += to.strideBytes;
  };
  return {
    processor,
    sections: sections.map(({ mode, vectors, count }) => {
      const cases = newCases(count, vectors, mode);
      const native = newResults(cases, vectors);
      for (let index = 0; index < count; index++) {
        take(cases, index);
        take(native, index);
      }
      return { vectors, cases, native };
    }),
  };
}

export function writeSample({ processor, sections }: Sample): void {
  const header: Header = {
    processor,
    sections: sections.map(({ vectors, cases }) => ({
      mode: cases.mode,
      vectors,
      count: cases.count,
    })),
  };
  const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(header)}\n`)];
  const part = (from: Records, index: number) =>
    from.bytes.subarray(from.at(index), from.at(index + 1));
  for (const { cases, native } of sections) {
    for (let index = 0; index < cases.count; index++) {
      parts.push(part(cases, index), part(native, index));
    }
  }
  const whole = Buffer.concat(parts);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
  };
  writeFileSync(FILE, brotliCompressSync(whole, { params }));
}
