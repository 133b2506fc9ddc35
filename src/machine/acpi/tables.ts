/**
 * ACPI tables (ACPI specification 5.0, "ACPI Software Programming Model"), laid out in the firmware
 * area below 1 MiB where a guest finds the root pointer by its signature.
 */
import { badArgument } from "../../base/errors.ts";
import type { PhysicalMemory } from "../../memory/physical-memory.ts";
import { FIRMWARE_BASE, FIRMWARE_END } from "../memory-layout.ts";
import { ascii } from "./aml.ts";
import { type DsdtOptions, dsdtBody } from "./dsdt.ts";
import { type FadtOptions, fadtBody } from "./fadt.ts";
import { type MadtOptions, madtBody } from "./madt.ts";

export interface AcpiOptions {
  readonly dsdt: DsdtOptions;
  readonly fadt: Omit<FadtOptions, "facs" | "dsdt">;
  readonly madt: MadtOptions;
}

const HEADER_BYTES = 36;
const RSDP_BYTES = 36;
const RSDP_V1_BYTES = 20;
const FACS_BYTES = 64;
const OEM = "PML5  ";
const OEM_TABLE = "PML5    ";
const REVISION = { dsdt: 2, fadt: 5, madt: 3, rsdt: 1, xsdt: 1, rsdp: 2, facs: 2 } as const;

/** Writes all tables. @returns the physical address of the root pointer (RSDP) */
export function writeAcpiTables(memory: PhysicalMemory, options: AcpiOptions): number {
  const rsdp = FIRMWARE_BASE;
  let next = rsdp + RSDP_BYTES;
  const place = (bytes: Uint8Array) => {
    const at = Math.ceil(next / FACS_BYTES) * FACS_BYTES;
    next = at + bytes.length;
    if (next > FIRMWARE_END) badArgument("ACPI tables", "at most 128 KiB", `${next - rsdp} bytes`);
    memory.writeBytes(at, bytes);
    return at;
  };
  const facs = place(facsBytes());
  const dsdt = place(table("DSDT", REVISION.dsdt, dsdtBody(options.dsdt)));
  const listed = [
    place(table("FACP", REVISION.fadt, fadtBody({ ...options.fadt, facs, dsdt }))),
    place(table("APIC", REVISION.madt, madtBody(options.madt))),
  ];
  const rsdt = place(table("RSDT", REVISION.rsdt, pointers(listed, 4)));
  const xsdt = place(table("XSDT", REVISION.xsdt, pointers(listed, 8)));
  memory.writeBytes(rsdp, rsdpBytes(rsdt, xsdt));
  return rsdp;
}

/** A table: the common header, the body, and a checksum that makes all bytes add up to 0. */
export function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii(signature));
  view.setUint32(4, bytes.length, true);
  bytes[8] = revision;
  bytes.set(ascii(OEM), 10);
  bytes.set(ascii(OEM_TABLE), 16);
  view.setUint32(24, 1, true);
  bytes.set(ascii("PML5"), 28);
  view.setUint32(32, 1, true);
  bytes.set(body, HEADER_BYTES);
  bytes[9] = checksum(bytes);
  return bytes;
}

function rsdpBytes(rsdt: number, xsdt: number): Uint8Array {
  const bytes = new Uint8Array(RSDP_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii("RSD PTR "));
  bytes.set(ascii(OEM), 9);
  bytes[15] = REVISION.rsdp;
  view.setUint32(16, rsdt, true);
  view.setUint32(20, RSDP_BYTES, true);
  view.setBigUint64(24, BigInt(xsdt), true);
  bytes[8] = checksum(bytes.subarray(0, RSDP_V1_BYTES));
  bytes[32] = checksum(bytes);
  return bytes;
}

/** The FACS has a header of its own and no checksum. */
function facsBytes(): Uint8Array {
  const bytes = new Uint8Array(FACS_BYTES);
  bytes.set(ascii("FACS"));
  bytes[4] = FACS_BYTES;
  bytes[32] = REVISION.facs;
  return bytes;
}

function pointers(addresses: readonly number[], width: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(addresses.length * width);
  const view = new DataView(bytes.buffer);
  for (const [index, address] of addresses.entries()) view.setUint32(index * width, address, true);
  return bytes;
}

function checksum(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}
