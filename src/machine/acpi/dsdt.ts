/**
 * The DSDT's contents: soft-off, the PCI host bridge, what sits on the ISA bus, and the container
 * of memory slots whose methods drive the memory-hotplug registers.
 */
import { SOFT_OFF_TYPE } from "../devices/acpi-pm.ts";
import { HOTPLUG_GPE, HOTPLUG_PORTS } from "../devices/memory-hotplug.ts";
import {
  ACCESS,
  type Aml,
  acquire,
  add,
  arg,
  call,
  device,
  eisaId,
  equal,
  fields,
  increment,
  int,
  less,
  local,
  loop,
  method,
  mutex,
  NOWHERE,
  name,
  notify,
  otherwise,
  packageOf,
  path,
  portRegion,
  qwordField,
  release,
  returnOf,
  scope,
  shiftLeft,
  store,
  string,
  subtract,
  UPDATE,
  when,
} from "./aml.ts";
import {
  busRange,
  io,
  ioRange,
  irq,
  memoryRange,
  RAM_RANGE,
  ramRange,
  template,
} from "./resources.ts";

export interface DsdtOptions {
  /** Memory slots, 0..256. */
  readonly memorySlots: number;
  readonly hotplugPort: number;
  readonly serialPort: number;
  readonly serialIrq: number;
  /** The hole for PCI memory: [pciMemoryBase, pciMemoryEnd). */
  readonly pciMemoryBase: number;
  readonly pciMemoryEnd: number;
}

const NOTIFY = { check: 1, eject: 3 } as const;
const STA_PRESENT = 0x0f;
/** The memory controller. */
const MHPC = "\\_SB.MHPC";

export function dsdtBody(options: DsdtOptions): Uint8Array {
  const terms = [
    // Sleep types for the PM1a and PM1b control registers.
    name("\\_S5_", packageOf([int(SOFT_OFF_TYPE), int(0), int(0), int(0)])),
    scope("\\_SB_", [hostBridge(options), ...legacyDevices(options)]),
  ];
  if (options.memorySlots > 0) {
    terms.push(scope("\\_SB_", [memoryController(options)]));
    const handler = `_E${HOTPLUG_GPE.toString(16).toUpperCase().padStart(2, "0")}`;
    terms.push(scope("\\_GPE", [method(handler, 0, [call(`${MHPC}.MSCN`)])]));
  }
  return Uint8Array.from(terms.flat());
}

function hostBridge({ pciMemoryBase, pciMemoryEnd }: DsdtOptions): Aml {
  return device("PCI0", [
    name("_HID", eisaId("PNP0A03")),
    name("_UID", int(0)),
    name(
      "_CRS",
      template([
        busRange(0, 0xff),
        io(0xcf8, 8),
        ioRange(0x0000, 0x0cf7),
        ioRange(0x0d00, 0xffff),
        memoryRange(pciMemoryBase, pciMemoryEnd - 1),
      ]),
    ),
  ]);
}

/** Devices that a PC kernel would find by itself, named so that it binds its drivers to them. */
function legacyDevices({ serialPort, serialIrq }: DsdtOptions): Aml[] {
  const one = (at: string, id: string, port: number, bytes: number, line: number) =>
    device(at, [name("_HID", eisaId(id)), name("_CRS", template([io(port, bytes), irq(line)]))]);
  return [one("COM1", "PNP0501", serialPort, 8, serialIrq), one("RTC_", "PNP0B00", 0x70, 2, 8)];
}

/** Registers, methods that all slots share (with the slot as argument), and the slots. */
function memoryController({ memorySlots, hotplugPort }: DsdtOptions): Aml {
  const slots = Array.from({ length: memorySlots }, (_, index) => memorySlot(index));
  return device("MHPC", [
    name("_HID", eisaId("PNP0A06")),
    name("_UID", string("Memory hotplug resources")),
    name("_CRS", template([io(hotplugPort, HOTPLUG_PORTS)])),
    portRegion("HPMR", hotplugPort, HOTPLUG_PORTS),
    mutex("MLCK"),
    ...registers(),
    method("MRST", 1, statusMethod(), true),
    method("MCRS", 1, rangeMethod(), true),
    method("MOST", 3, locked([store(arg(1), path("MOEV")), store(arg(2), path("MOSC"))]), true),
    method("MEJ0", 1, locked([store(int(1), path("MEJ_"))]), true),
    method("MSCN", 0, scanMethod(memorySlots), true),
    method("MNTF", 2, notifyMethod(memorySlots)),
    ...slots,
  ]);
}

/** Reads and writes of one port mean different things, so they are different fields. */
function registers(): Aml[] {
  return [
    fields("HPMR", ACCESS.dword, [
      ["MRBL", 32],
      ["MRBH", 32],
      ["MRLL", 32],
      ["MRLH", 32],
    ]),
    fields("HPMR", ACCESS.byte | UPDATE.writeZeros, [
      [undefined, 160],
      ["MES_", 1],
      ["MINS", 1],
      ["MRMV", 1],
      ["MEJ_", 1],
    ]),
    fields("HPMR", ACCESS.dword, [
      ["MSEL", 32],
      ["MOEV", 32],
      ["MOSC", 32],
    ]),
  ];
}

/** Selects slot Arg0, does `body` under the mutex, and returns `result` if there is one. */
function locked(body: readonly Aml[], result?: Aml): Aml[] {
  return [
    acquire("MLCK"),
    store(arg(0), path("MSEL")),
    ...body,
    release("MLCK"),
    ...(result ? [returnOf(result)] : []),
  ];
}

function statusMethod(): Aml[] {
  const enabled = when(equal(path("MES_"), int(1)), [store(int(STA_PRESENT), local(0))]);
  return [store(int(0), local(0)), ...locked([enabled], local(0))];
}

/** A template with one 64-bit range, filled from the registers. */
function rangeMethod(): Aml[] {
  const blank = template([ramRange(0, 0xfffffffffffff)]);
  return [
    name("MR64", blank),
    qwordField(path("MR64"), RAM_RANGE.minimum, "MINA"),
    qwordField(path("MR64"), RAM_RANGE.maximum, "MAXA"),
    qwordField(path("MR64"), RAM_RANGE.length, "LENA"),
    ...locked([
      store(sixtyFour("MRBH", "MRBL"), path("MINA")),
      store(sixtyFour("MRLH", "MRLL"), path("LENA")),
      add(path("MINA"), path("LENA"), path("MAXA")),
      subtract(path("MAXA"), int(1), path("MAXA")),
    ]),
    returnOf(path("MR64")),
  ];
}

/** (high << 32) | low, by an addition of what cannot overlap. */
function sixtyFour(high: string, low: string): Aml {
  return add(shiftLeft(path(high), int(32)), path(low), NOWHERE);
}

/** Looks at every slot and passes on what it asks for, taking the event away. */
function scanMethod(memorySlots: number): Aml[] {
  const pass = (value: number, acknowledge: string) => [
    call("MNTF", [local(0), int(value)]),
    store(int(1), path(acknowledge)),
  ];
  return [
    store(int(0), local(0)),
    acquire("MLCK"),
    loop(less(local(0), int(memorySlots)), [
      store(local(0), path("MSEL")),
      when(equal(path("MINS"), int(1)), pass(NOTIFY.check, "MINS")),
      otherwise([when(equal(path("MRMV"), int(1)), pass(NOTIFY.eject, "MRMV"))]),
      increment(local(0)),
    ]),
    release("MLCK"),
  ];
}

/** Notifies the slot whose number is Arg0 with Arg1. */
function notifyMethod(memorySlots: number): Aml[] {
  return Array.from({ length: memorySlots }, (_, index) =>
    when(equal(arg(0), int(index)), [notify(slotName(index), arg(1))]),
  );
}

function memorySlot(index: number): Aml {
  const slot = int(index);
  return device(slotName(index), [
    name("_UID", string(`0x${index.toString(16).padStart(2, "0")}`)),
    name("_HID", eisaId("PNP0C80")),
    method("_STA", 0, [returnOf(call("MRST", [slot]))]),
    method("_CRS", 0, [returnOf(call("MCRS", [slot]))]),
    method("_OST", 3, [call("MOST", [slot, arg(0), arg(1)])]),
    method("_EJ0", 1, [call("MEJ0", [slot])]),
  ]);
}

function slotName(index: number): string {
  return `MP${index.toString(16).toUpperCase().padStart(2, "0")}`;
}
