/**
 * A small AML emitter (ACPI specification, "ACPI Machine Language (AML) Specification"): each
 * function gives the bytes of one term. Names are four characters; paths are written as in ASL.
 */
import { badArgument } from "../../base/errors.ts";

export type Aml = readonly number[];

const OP = {
  zero: 0x00,
  one: 0x01,
  name: 0x08,
  byte: 0x0a,
  word: 0x0b,
  dword: 0x0c,
  string: 0x0d,
  qword: 0x0e,
  scope: 0x10,
  buffer: 0x11,
  package: 0x12,
  method: 0x14,
  local0: 0x60,
  arg0: 0x68,
  store: 0x70,
  add: 0x72,
  subtract: 0x74,
  shiftLeft: 0x79,
  notify: 0x86,
  equal: 0x93,
  less: 0x95,
  if: 0xa0,
  else: 0xa1,
  while: 0xa2,
  return: 0xa4,
  increment: 0x75,
  createQword: 0x8f,
  extended: 0x5b,
} as const;
const EXTENDED = {
  mutex: 0x01,
  acquire: 0x23,
  release: 0x27,
  region: 0x80,
  field: 0x81,
  device: 0x82,
} as const;
const FOREVER = [0xff, 0xff];
const SYSTEM_IO = 0x01;

/** `_SB`, `\_SB.MHPC`, `^FLD`: prefixes, then segments of up to four characters. */
export function path(text: string): Aml {
  const prefix = /^[\\^]*/.exec(text)?.[0] ?? "";
  const rest = text.slice(prefix.length);
  const segments = rest === "" ? [] : rest.split(".");
  if (!segments.every((segment) => /^[A-Z_][A-Z0-9_]{0,3}$/.test(segment))) {
    badArgument("AML path", "segments of 1..4 capitals, digits and _", text);
  }
  const names = segments.flatMap((segment) => ascii(segment.padEnd(4, "_")));
  const head: Aml[] = [[0x00], [], [0x2e]];
  return [...ascii(prefix), ...(head[segments.length] ?? [0x2f, segments.length]), ...names];
}

/** The shortest form of a number 0 .. 2^53-1. */
export function int(value: number): Aml {
  if (value === 0) return [OP.zero];
  if (value === 1) return [OP.one];
  const [op, bytes] = (
    [
      [OP.byte, 1],
      [OP.word, 2],
      [OP.dword, 4],
      [OP.qword, 8],
    ] as const
  ).find(([, size]) => value < 256 ** size) as readonly [number, number];
  return [op, ...littleEndian(value, bytes)];
}

/** The target of a result that is only used where it stands. */
export const NOWHERE: Aml = [OP.zero];

export const string = (text: string): Aml => [OP.string, ...ascii(text), 0];
export const local = (index: number): Aml => [OP.local0 + index];
export const arg = (index: number): Aml => [OP.arg0 + index];

export const name = (at: string, value: Aml): Aml => [OP.name, ...path(at), ...value];
export const scope = (at: string, body: readonly Aml[]): Aml =>
  sized([OP.scope], [path(at), ...body]);
export const device = (at: string, body: readonly Aml[]): Aml =>
  sized([OP.extended, EXTENDED.device], [path(at), ...body]);
export const packageOf = (elements: readonly Aml[]): Aml =>
  sized([OP.package], [[elements.length], ...elements]);
export const buffer = (bytes: Aml): Aml => sized([OP.buffer], [int(bytes.length), bytes]);

/** @param serialized whether one thread at a time may run it */
export const method = (at: string, args: number, body: readonly Aml[], serialized = false): Aml =>
  sized([OP.method], [path(at), [args | (serialized ? 8 : 0)], ...body]);
export const call = (at: string, args: readonly Aml[] = []): Aml => [...path(at), ...args.flat()];
export const returnOf = (value: Aml): Aml => [OP.return, ...value];
export const store = (value: Aml, target: Aml): Aml => [OP.store, ...value, ...target];
export const add = (a: Aml, b: Aml, target: Aml): Aml => [OP.add, ...a, ...b, ...target];
export const subtract = (a: Aml, b: Aml, target: Aml): Aml => [OP.subtract, ...a, ...b, ...target];
export const shiftLeft = (a: Aml, bits: Aml): Aml => [OP.shiftLeft, ...a, ...bits, ...NOWHERE];
export const increment = (target: Aml): Aml => [OP.increment, ...target];
export const equal = (a: Aml, b: Aml): Aml => [OP.equal, ...a, ...b];
export const less = (a: Aml, b: Aml): Aml => [OP.less, ...a, ...b];
export const when = (condition: Aml, body: readonly Aml[]): Aml =>
  sized([OP.if], [condition, ...body]);
export const otherwise = (body: readonly Aml[]): Aml => sized([OP.else], body);
export const loop = (condition: Aml, body: readonly Aml[]): Aml =>
  sized([OP.while], [condition, ...body]);
export const notify = (at: string, value: Aml): Aml => [OP.notify, ...path(at), ...value];

export const mutex = (at: string): Aml => [OP.extended, EXTENDED.mutex, ...path(at), 0];
export const acquire = (at: string): Aml => [
  OP.extended,
  EXTENDED.acquire,
  ...path(at),
  ...FOREVER,
];
export const release = (at: string): Aml => [OP.extended, EXTENDED.release, ...path(at)];

/** CreateQWordField: `at` names the 8 bytes of `source` from byte `offset` on. */
export const qwordField = (source: Aml, offset: number, at: string): Aml => [
  OP.createQword,
  ...source,
  ...int(offset),
  ...path(at),
];

/** An operation region of I/O ports. */
export const portRegion = (at: string, base: number, bytes: number): Aml => [
  ...[OP.extended, EXTENDED.region],
  ...path(at),
  SYSTEM_IO,
  ...int(base),
  ...int(bytes),
];

export const ACCESS = { byte: 1, word: 2, dword: 3 } as const;
/** What a field write does to the bits of its unit that it does not name. */
export const UPDATE = { preserve: 0x00, writeZeros: 0x40 } as const;

/** Fields over a region: names with widths in bits; an undefined name skips. */
export const fields = (
  region: string,
  flags: number,
  list: readonly (readonly [name: string | undefined, bits: number])[],
): Aml =>
  sized(
    [OP.extended, EXTENDED.field],
    [
      path(region),
      [flags],
      ...list.map(([at, bits]) => [...(at ? path(at) : [0]), ...length(bits)]),
    ],
  );

/** A compressed EISA identifier such as `PNP0C80`. */
export function eisaId(text: string): Aml {
  const letters = [...text.slice(0, 3)].map((letter) => letter.charCodeAt(0) - 0x40);
  const [a, b, c] = letters as [number, number, number];
  const product = Number.parseInt(text.slice(3), 16);
  const vendor = (a << 10) | (b << 5) | c;
  return [OP.dword, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
}

export function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) & 0xff);
}

export function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

/** An opcode, a PkgLength that counts itself, and what it covers. */
function sized(opcode: Aml, parts: readonly Aml[]): Aml {
  const body = parts.flat();
  for (let own = 1; own <= 4; own++) {
    const encoded = length(body.length + own);
    if (encoded.length === own) return [...opcode, ...encoded, ...body];
  }
  return badArgument("AML package", "less than 2^28 bytes", body.length);
}

/** PkgLength: six bits in one byte, or four bits and one to three more bytes. */
function length(value: number): number[] {
  if (value < 0x40) return [value];
  const more = value < 2 ** 12 ? 1 : value < 2 ** 20 ? 2 : 3;
  return [(more << 6) | (value & 15), ...littleEndian(Math.floor(value / 16), more)];
}
