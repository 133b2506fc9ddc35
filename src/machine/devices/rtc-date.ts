/** The ten date registers of the real-time clock, in BCD or binary, with 12 or 24 hours. */

const REG = {
  second: 0,
  minute: 2,
  hour: 4,
  weekday: 6,
  day: 7,
  month: 8,
  year: 9,
  /** By PC convention, and as the ACPI FADT says. */
  century: 0x32,
} as const;
const AFTERNOON = 0x80;

export const DATE_REGISTERS: readonly number[] = Object.values(REG);
export const CENTURY_REGISTER = REG.century;

export interface DateFormat {
  readonly binary: boolean;
  readonly hours24: boolean;
}

const encode = (value: number, { binary }: DateFormat) =>
  binary ? value : (Math.floor(value / 10) << 4) | (value % 10);

/** The number that a register's byte stands for. */
export function numberIn(byte: number, { binary }: DateFormat): number {
  return binary ? byte : (byte >> 4) * 10 + (byte & 15);
}

/** The hour 0..23 that the hour register's byte stands for. */
export function hourOf(byte: number, format: DateFormat): number {
  if (format.hours24) return numberIn(byte, format);
  return (numberIn(byte & ~AFTERNOON, format) % 12) + (byte & AFTERNOON ? 12 : 0);
}

function encodeHour(hour: number, format: DateFormat): number {
  if (format.hours24) return encode(hour, format);
  return encode(hour % 12 || 12, format) | (hour >= 12 ? AFTERNOON : 0);
}

/** Writes the date of `seconds` since 1970 (UTC) into the registers. */
export function encodeDate(seconds: number, registers: Uint8Array, format: DateFormat): void {
  const date = new Date(seconds * 1000);
  const put = (register: number, value: number) => {
    registers[register] = encode(value, format);
  };
  put(REG.second, date.getUTCSeconds());
  put(REG.minute, date.getUTCMinutes());
  registers[REG.hour] = encodeHour(date.getUTCHours(), format);
  put(REG.weekday, date.getUTCDay() + 1);
  put(REG.day, date.getUTCDate());
  put(REG.month, date.getUTCMonth() + 1);
  put(REG.year, date.getUTCFullYear() % 100);
  // The century stays BCD in either format.
  registers[REG.century] = encode(Math.floor(date.getUTCFullYear() / 100), {
    ...format,
    binary: false,
  });
}

/** Seconds since 1970 of the date in the registers; fields out of range carry into the next. */
export function decodeDate(registers: Uint8Array, format: DateFormat): number {
  const get = (register: number) => numberIn(registers[register] as number, format);
  const century = numberIn(registers[REG.century] as number, { ...format, binary: false });
  return (
    Date.UTC(
      century * 100 + get(REG.year),
      get(REG.month) - 1,
      get(REG.day),
      hourOf(registers[REG.hour] as number, format),
      get(REG.minute),
      get(REG.second),
    ) / 1000
  );
}
