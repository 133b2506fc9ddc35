/**
 * Puts functions together into a WebAssembly module (Core Specification 2.0, "Binary Format").
 *
 * Imports come first in the index space of functions, so all are declared before the first
 * function; a function's index is known before its body is.
 */
import { InvariantError } from "../base/errors.ts";
import { ByteWriter } from "./byte-writer.ts";
import { Code } from "./code.ts";
import { TYPE, type ValueType } from "./opcodes.ts";

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const KIND = { function: 0, table: 1, memory: 2 } as const;
const FUNCTION_REFERENCE = 0x70;

export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #typeBytes: Uint8Array[] = [];
  readonly #imports: { name: string; type: number }[] = [];
  readonly #functions: { type: number; code: Code | undefined; exported: string | undefined }[] =
    [];
  readonly #memoryPages: number;
  #tableName: string | undefined;

  /**
   * The module imports its memory as `host.memory`, and functions from `host`.
   * @param memoryPages exact size of that memory in 64-KiB pages
   */
  constructor(memoryPages: number) {
    this.#memoryPages = memoryPages;
  }

  /** Imports `host.<name>`. @returns its index */
  importFunction(name: string, type: FunctionType): number {
    if (this.#functions.length > 0) {
      throw new InvariantError(`import ${name}: expected before the first function`);
    }
    this.#imports.push({ name, type: this.#typeIndex(type) });
    return this.#imports.length - 1;
  }

  /** Imports the table of functions `host.<name>`, for `Code.callIndirect`. */
  importTable(name: string): void {
    this.#tableName = name;
  }

  /** The index of a type, for `Code.callIndirect`. */
  type(type: FunctionType): number {
    return this.#typeIndex(type);
  }

  /** Declares a function; its body follows by `define`. @returns its index */
  declare(type: FunctionType, exported?: string): number {
    this.#functions.push({ type: this.#typeIndex(type), code: undefined, exported });
    return this.#imports.length + this.#functions.length - 1;
  }

  define(index: number, code: Code): void {
    const entry = this.#functions[index - this.#imports.length];
    if (entry === undefined || entry.code) {
      throw new InvariantError(`define: expected a declared function, got ${index}`);
    }
    entry.code = code;
  }

  /** Declares and writes a function at once. @returns its index */
  function(type: FunctionType, write: (code: Code) => void, exported?: string): number {
    const index = this.declare(type, exported);
    const code = new Code(type.parameters.length);
    write(code);
    this.define(index, code);
    return index;
  }

  /** The module's bytes, for `new WebAssembly.Module`. */
  build(): Uint8Array<ArrayBuffer> {
    const out = new ByteWriter();
    for (const byte of HEADER) out.byte(byte);
    section(out, SECTION.type, this.#typeBytes, (bytes, s) => s.append(bytes));
    this.#importSection(out);
    section(out, SECTION.function, this.#functions, ({ type }, s) => s.unsigned(type));
    this.#exportSection(out);
    section(out, SECTION.code, this.#functions, ({ code }, s) => {
      if (!code) throw new InvariantError("build: a declared function has no body");
      const body = code.finish();
      s.unsigned(body.length);
      s.append(body);
    });
    return out.view().slice();
  }

  #importSection(out: ByteWriter): void {
    const pages = this.#memoryPages;
    const writers: ((s: ByteWriter) => void)[] = [
      (s) => {
        importHead(s, "memory", KIND.memory);
        s.byte(0x01);
        s.unsigned(pages);
        s.unsigned(pages);
      },
    ];
    const table = this.#tableName;
    if (table !== undefined) {
      writers.push((s) => {
        importHead(s, table, KIND.table);
        s.byte(FUNCTION_REFERENCE);
        s.byte(0x00);
        s.unsigned(0);
      });
    }
    for (const { name, type } of this.#imports) {
      writers.push((s) => {
        importHead(s, name, KIND.function);
        s.unsigned(type);
      });
    }
    section(out, SECTION.import, writers, (write, s) => write(s));
  }

  #exportSection(out: ByteWriter): void {
    const exported = this.#functions.flatMap(({ exported: name }, i) =>
      name === undefined ? [] : [{ name, index: this.#imports.length + i }],
    );
    section(out, SECTION.export, exported, ({ name, index }, s) => {
      s.text(name);
      s.byte(KIND.function);
      s.unsigned(index);
    });
  }

  #typeIndex({ parameters, results }: FunctionType): number {
    const key = `${parameters.join()}>${results.join()}`;
    const known = this.#types.indexOf(key);
    if (known >= 0) return known;
    const bytes = new ByteWriter();
    bytes.byte(0x60);
    for (const list of [parameters, results]) {
      bytes.unsigned(list.length);
      for (const type of list) bytes.byte(TYPE[type]);
    }
    this.#typeBytes.push(bytes.view());
    return this.#types.push(key) - 1;
  }
}

function importHead(s: ByteWriter, name: string, kind: number): void {
  s.text("host");
  s.text(name);
  s.byte(kind);
}

function section<T>(
  out: ByteWriter,
  id: number,
  items: readonly T[],
  write: (item: T, into: ByteWriter) => void,
): void {
  const body = new ByteWriter();
  body.unsigned(items.length);
  for (const item of items) write(item, body);
  out.byte(id);
  out.unsigned(body.length);
  out.append(body.view());
}

/**
 * Compiles and instantiates a module over `memory`.
 * @param imports the functions that it imports from `host`
 * @returns its exported functions by name
 */
export function instantiate<E>(
  bytes: Uint8Array<ArrayBuffer>,
  memory: WebAssembly.Memory,
  imports: Readonly<Record<string, (...args: never[]) => unknown>> = {},
): E {
  const module = new WebAssembly.Module(bytes);
  const instance = new WebAssembly.Instance(module, { host: { ...imports, memory } } as never);
  return instance.exports as unknown as E;
}
