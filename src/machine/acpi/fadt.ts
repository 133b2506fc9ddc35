/** The FADT: where the fixed hardware is (ACPI specification, "Fixed ACPI Description Table"). */
import { ACPI_DISABLE, ACPI_ENABLE, GPE0_BYTES } from "../devices/acpi-pm.ts";
import { CENTURY_REGISTER } from "../devices/rtc-date.ts";

export interface FadtOptions {
  readonly facs: number;
  readonly dsdt: number;
  readonly sciIrq: number;
  readonly smiPort: number;
  readonly pm1EventPort: number;
  readonly pm1ControlPort: number;
  readonly pmTimerPort: number;
  readonly gpe0Port: number;
  readonly resetPort: number;
  readonly resetValue: number;
}

const HEADER_BYTES = 36;
const TABLE_BYTES = 268;
/** There are ISA devices, no 8042 and no VGA. */
const BOOT_ARCHITECTURE = 0x0005;
/** WBINVD, C1, no sleep button, no RTC wake status, reset register. */
const FLAGS = 0x0001 | 0x0004 | 0x0020 | 0x0040 | 0x0400;
/** Latencies by which C2 and C3 are not supported. */
const NO_C_STATE = 0x0fff;
const SYSTEM_IO = 1;
const BYTE_ACCESS = 1;

export function fadtBody(options: FadtOptions): Uint8Array {
  const bytes = new Uint8Array(TABLE_BYTES - HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  const put8 = (at: number, value: number) => view.setUint8(at - HEADER_BYTES, value);
  const put16 = (at: number, value: number) => view.setUint16(at - HEADER_BYTES, value, true);
  const put32 = (at: number, value: number) => view.setUint32(at - HEADER_BYTES, value, true);
  put32(36, options.facs);
  put32(40, options.dsdt);
  put16(46, options.sciIrq);
  put32(48, options.smiPort);
  put8(52, ACPI_ENABLE);
  put8(53, ACPI_DISABLE);
  put32(56, options.pm1EventPort);
  put32(64, options.pm1ControlPort);
  put32(76, options.pmTimerPort);
  put32(80, options.gpe0Port);
  put8(88, 4);
  put8(89, 2);
  put8(91, 4);
  put8(92, GPE0_BYTES);
  put16(96, NO_C_STATE);
  put16(98, NO_C_STATE);
  put8(108, CENTURY_REGISTER);
  put16(109, BOOT_ARCHITECTURE);
  put32(112, FLAGS);
  // Reset register, a generic address: space, width in bits, offset, access size, address.
  put8(116, SYSTEM_IO);
  put8(117, 8);
  put8(119, BYTE_ACCESS);
  put32(120, options.resetPort);
  put8(128, options.resetValue);
  put32(140, options.dsdt);
  return bytes;
}
