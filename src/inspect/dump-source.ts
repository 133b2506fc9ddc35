/**
 * A dump's bytes: a file as it lies on disk, or what a gzip file or a pipe yields.
 *
 * The latter cannot be read at random, so they are first copied: to memory while they are small,
 * else to a temporary file without a name, which the system deletes whatever becomes of us.
 */
import {
  closeSync,
  createReadStream,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type ByteSource, bytesSource, FormatError } from "../base/byte-source.ts";
import { byteSize } from "../base/hex.ts";
import { GIB, KIB, MIB } from "../base/units.ts";

/** What is copied stays in memory up to this size. */
const IN_MEMORY_BYTES = 16 * MIB;
const CHUNK_BYTES = 256 * KIB;
const ZEROES = Buffer.alloc(CHUNK_BYTES);
const ELF_MAGIC = 0x7f454c46;
/** A gzip file expands to at most 1,032 times its size; this bounds what a hostile one costs. */
export const DEFAULT_EXPAND_LIMIT_BYTES = 16 * GIB;

export interface DumpOptions {
  /** Refuse what expands to more. Default 16 GiB. */
  readonly expandLimitBytes?: number;
  /** Told now and then how much of the file has been read, and its size if that is known. */
  readonly onProgress?: (doneBytes: number, totalBytes: number | undefined) => void;
}

export interface DumpSource extends ByteSource {
  close(): void;
}

/**
 * Opens a dump, `-` being standard input; gzip is recognised by its content. Reads only its first
 * bytes, unless it has to be copied.
 * @throws FormatError
 */
export async function openDumpSource(path: string, options: DumpOptions = {}): Promise<DumpSource> {
  if (path === "") throw new FormatError("the name of a dump is empty");
  const standard = path === "-";
  const name = standard ? "standard input" : path;
  const fd = standard ? process.stdin.fd : attempt(path, "open", () => openSync(path, "r"));
  const stat = fstatSync(fd);
  if (stat.isDirectory()) {
    closeSync(fd);
    throw new FormatError(`${name}: expected a file, got a directory`);
  }
  const stream = (start?: number) =>
    standard && start === undefined ? process.stdin : createReadStream(path, { fd, start });
  if (!stat.isFile()) return copy(name, stream(), undefined, options);
  const file = fileSource(name, fd, stat.size);
  return isGzip(file) ? copy(name, stream(0), stat.size, options) : file;
}

function fileSource(name: string, fd: number, sizeBytes: number): DumpSource {
  const read = (offset: number, into: Uint8Array) => {
    for (let done = 0; done < into.length; ) {
      const at = offset + done;
      const got = attempt(`${name}: offset 0x${at.toString(16)}`, "read", () =>
        readSync(fd, into, done, into.length - done, at),
      );
      if (got === 0) {
        throw new FormatError(
          `${name}: offset 0x${at.toString(16)}: expected ${into.length - done} more bytes, ` +
            "got the end of the file (it shrank while it was read)",
        );
      }
      done += got;
    }
  };
  return { name, sizeBytes, read, close: () => closeSync(fd) };
}

function isGzip(source: ByteSource): boolean {
  if (source.sizeBytes < 2) return false;
  const magic = new Uint8Array(2);
  source.read(0, magic);
  return magic[0] === 0x1f && magic[1] === 0x8b;
}

/** Copies the stream, expanding it if it is gzip, to where it can be read at random. */
async function copy(
  path: string,
  stream: Readable,
  totalBytes: number | undefined,
  options: DumpOptions,
): Promise<DumpSource> {
  const limit = options.expandLimitBytes ?? DEFAULT_EXPAND_LIMIT_BYTES;
  const store = new CopyStore(path);
  let readBytes = 0;
  let head = Buffer.alloc(0);
  try {
    const counted = async function* () {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        readBytes += chunk.length;
        options.onProgress?.(readBytes, totalBytes);
        yield chunk;
      }
    };
    for await (const chunk of expanded(counted())) {
      if (store.sizeBytes + chunk.length > limit) {
        throw new FormatError(
          `${path}: offset 0x${readBytes.toString(16)}: expected at most ${byteSize(limit)} ` +
            "expanded, got more (a larger --expand-limit allows it)",
        );
      }
      store.append(chunk);
      head = head.length < 4 ? Buffer.concat([head, chunk.subarray(0, 4)]) : head;
      // What is no ELF file is refused by whoever reads it; an endless pipe need not end first.
      if (head.length >= 4 && head.readUInt32BE(0) !== ELF_MAGIC) break;
    }
    return store.finish();
  } catch (error) {
    store.close();
    throw asFormatError(path, error, readBytes, store.sizeBytes);
  } finally {
    stream.destroy();
  }
}

/** The chunks as they are, or gunzipped when the first two bytes say so. */
async function* expanded(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await iterator.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = (async function* () {
    if (head.length > 0) yield head;
    for (;;) {
      const next = await iterator.next();
      if (next.done) return;
      yield next.value;
    }
  })();
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole;
    return;
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // What goes wrong while feeding ends the reading below with the same error.
  pipeline(Readable.from(whole), gunzip).catch(() => {});
  yield* gunzip as AsyncIterable<Buffer>;
}

function asFormatError(path: string, error: unknown, readBytes: number, expandedBytes: number) {
  if (error instanceof FormatError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const at = `${path}: offset 0x${readBytes.toString(16)}`;
  if (code === "Z_BUF_ERROR") {
    return new FormatError(
      `${at}: expected more gzip data after ${expandedBytes} expanded bytes, ` +
        "got the end of the file (truncated?)",
    );
  }
  if (code?.startsWith("Z_")) {
    return new FormatError(`${at} or before: expected sound gzip data, got: ${message}`);
  }
  return new FormatError(`${at}: cannot copy: ${message}`);
}

/** Bytes that arrive in order: in memory, then in a temporary file when they become many. */
class CopyStore {
  readonly #name: string;
  #chunks: Buffer[] = [];
  #fd: number | undefined;
  sizeBytes = 0;

  constructor(name: string) {
    this.#name = name;
  }

  append(chunk: Buffer): void {
    if (this.#fd === undefined) {
      this.#chunks.push(chunk);
      this.sizeBytes += chunk.length;
      if (this.sizeBytes > IN_MEMORY_BYTES) this.#spill();
      return;
    }
    this.#write(this.#fd, chunk, this.sizeBytes);
    this.sizeBytes += chunk.length;
  }

  finish(): DumpSource {
    const fd = this.#fd;
    if (fd === undefined) {
      const bytes = Buffer.concat(this.#chunks);
      return { ...bytesSource(bytes, this.#name), close: () => {} };
    }
    ftruncateSync(fd, this.sizeBytes);
    return fileSource(this.#name, fd, this.sizeBytes);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }

  #spill(): void {
    const fd = openNameless();
    this.#fd = fd;
    let at = 0;
    for (const chunk of this.#chunks) {
      this.#write(fd, chunk, at);
      at += chunk.length;
    }
    this.#chunks = [];
  }

  /** Zeroes are left out: the file is sparse, as guests' memory is. */
  #write(fd: number, chunk: Buffer, at: number): void {
    if (chunk.length <= ZEROES.length && chunk.equals(ZEROES.subarray(0, chunk.length))) return;
    for (let done = 0; done < chunk.length; ) {
      done += writeSync(fd, chunk, done, chunk.length - done, at + done);
    }
  }
}

/** A temporary file that is open and has no name any more. */
function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), "pml5-"));
  try {
    return openSync(join(folder, "dump"), "wx+", 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  ENOTDIR: "part of the path is not a directory",
  EIO: "input/output error",
};

function attempt<T>(where: string, what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new FormatError(`${where}: cannot ${what}: ${REASONS[code ?? ""] ?? message}`);
  }
}
