/** The CMOS bytes by which PC firmware and old kernels learn how much memory there is. */
import { KIB, MIB } from "../../base/units.ts";
import { ONE_MIB, type RamLayout } from "../memory-layout.ts";
import type { Rtc } from "./rtc.ts";

const BASE_KIB = 640;
const CHUNK = 64 * KIB;

/** 0x15: base; 0x17 and 0x30: above 1 MiB in KiB; 0x34: above 16 MiB, 0x5b: above 4 GiB. */
export function storeMemorySize(rtc: Rtc, { lowBytes, highBytes }: RamLayout): void {
  const put = (index: number, bytes: number, value: number) => {
    for (let i = 0; i < bytes; i++) rtc.setByte(index + i, Math.floor(value / 256 ** i) & 0xff);
  };
  const extendedKib = Math.min((lowBytes - ONE_MIB) / KIB, 0xffff);
  const above16 = Math.max(lowBytes - 16 * MIB, 0);
  put(0x15, 2, BASE_KIB);
  put(0x17, 2, extendedKib);
  put(0x30, 2, extendedKib);
  put(0x34, 2, Math.min(Math.floor(above16 / CHUNK), 0xffff));
  put(0x5b, 3, Math.floor(highBytes / CHUNK));
}
