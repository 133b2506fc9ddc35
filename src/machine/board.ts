/**
 * The board: every device of the description, wired up, with memory. It has no processors; each one
 * is attached through a `ProcessorPort` and gets its local APIC back. Whoever runs them moves the
 * clock, tells the windows which CPU is running, and obeys the machine control.
 */
import { badArgument } from "../base/errors.ts";
import type { PhysicalMemory } from "../memory/physical-memory.ts";
import { writeAcpiTables } from "./acpi/tables.ts";
import {
  APIC_BASES,
  IO_APIC_PIN_OF_IRQ,
  IRQ,
  ISA_IRQS,
  PCI_MEMORY,
  PIC_SETUP,
  PORTS,
  RESET_VALUE,
  SLAVE_LEVEL_INPUTS,
  SOURCE_OVERRIDES,
} from "./board-description.ts";
import { Clock } from "./clock.ts";
import type { Device, MachineControl, Wire } from "./device.ts";
import { AcpiPm, GPE0_BYTES } from "./devices/acpi-pm.ts";
import { ApicBus, type ProcessorPort } from "./devices/apic-bus.ts";
import { ApicWindows } from "./devices/apic-window.ts";
import { storeMemorySize } from "./devices/cmos-memory-size.ts";
import { debugConsole, debugExit, PostCode } from "./devices/debug-ports.ts";
import { FW_CFG, FwCfg } from "./devices/fw-cfg.ts";
import { I8042 } from "./devices/i8042.ts";
import { IO_APIC_BASE, IO_APIC_PINS, IoApic } from "./devices/io-apic.ts";
import { LocalApic } from "./devices/local-apic.ts";
import { HOTPLUG_GPE, HOTPLUG_PORTS, MemoryHotplug } from "./devices/memory-hotplug.ts";
import { hostBridge, PciBus } from "./devices/pci.ts";
import { PicPair } from "./devices/pic.ts";
import { Pit } from "./devices/pit.ts";
import { ResetControl, SystemControlA } from "./devices/reset-ports.ts";
import { Rtc } from "./devices/rtc.ts";
import {
  TEST_IRQ_PORTS,
  TEST_MEMORY_BASE,
  TEST_MEMORY_BYTES,
  TEST_STORAGE_PORTS,
  TestDevice,
} from "./devices/test-device.ts";
import { type SerialHost, Uart } from "./devices/uart.ts";
import { HIGH_RAM_BASE, type RamLayout, ramLayout } from "./memory-layout.ts";
import { PortBus } from "./port-bus.ts";

export interface BoardOptions {
  /** Empty but for what the caller plugged as DIMMs; the board maps RAM and registers into it. */
  readonly memory: PhysicalMemory;
  /** RAM in bytes: whole pages, at least 2 MiB; what exceeds 3 GiB lies above 4 GiB. */
  readonly ramBytes: number;
  readonly cpuCount: number;
  readonly maxPhyAddr: number;
  readonly control: MachineControl;
  readonly serial: SerialHost;
  /** Gets the bytes of the debug console at port 0xE9. */
  readonly debugConsole?: (byte: number) => void;
  /** Wall time at power-on, in seconds since 1970, UTC. */
  readonly startSeconds: number;
  /** Slots for DIMMs, 0..256; 4 by default. */
  readonly memorySlots?: number;
  readonly hotplug?: HotplugEvents;
}

/** What the guest does with DIMMs; an ejected one's memory is unplugged already. */
export interface HotplugEvents {
  ejected?(slot: number, base: number, bytes: number): void;
  reported?(slot: number, event: number, status: number): void;
}

const DEFAULT_SLOTS = 4;

export class Board {
  readonly clock = new Clock();
  readonly ports = new PortBus();
  readonly memory: PhysicalMemory;
  readonly ram: RamLayout;
  readonly apics: LocalApic[] = [];
  readonly apicBus = new ApicBus();
  readonly apicWindows: ApicWindows;
  readonly ioApic = new IoApic(this.apicBus);
  readonly pics = new PicPair(() => this.apics[0]?.externalChanged());
  readonly pit = new Pit(this.clock, this.line("pit", IRQ.timer));
  readonly uart: Uart;
  readonly rtc: Rtc;
  readonly fwCfg: FwCfg;
  readonly pm: AcpiPm;
  readonly hotplug: MemoryHotplug;
  readonly pci: PciBus;
  readonly post = new PostCode();
  /** Physical address of the ACPI root pointer. */
  readonly rsdp: number;
  readonly #options: BoardOptions;
  readonly #i8042: I8042;
  readonly #systemControlA: SystemControlA;
  readonly #resetControl: ResetControl;
  readonly #testDevice = new TestDevice();
  /** By interrupt line: who asserts it now. Lines are shared by OR. */
  readonly #asserting = Array.from({ length: IO_APIC_PINS }, () => new Set<string>());

  constructor(options: BoardOptions) {
    this.#options = options;
    const { memory, control } = options;
    this.memory = memory;
    this.ram = ramLayout(options.ramBytes);
    memory.mapRam(0, this.ram.lowBytes);
    if (this.ram.highBytes > 0) memory.mapRam(HIGH_RAM_BASE, this.ram.highBytes);
    memory.mapMmio(IO_APIC_BASE, 4096, this.ioApic);
    memory.mapMmio(TEST_MEMORY_BASE, TEST_MEMORY_BYTES, this.#testDevice.memory);
    this.apicWindows = new ApicWindows(memory);
    this.uart = new Uart(this.clock, "uart", options.serial, this.line("uart", IRQ.serial));
    const rtcLine = this.line("rtc", IRQ.rtc);
    this.rtc = new Rtc(this.clock, { startSeconds: options.startSeconds, interrupt: rtcLine });
    this.fwCfg = new FwCfg(memory);
    this.pm = new AcpiPm(this.clock, this.line("acpi", IRQ.sci), control);
    this.hotplug = this.#makeHotplug();
    this.#i8042 = new I8042(control);
    this.#systemControlA = new SystemControlA(control);
    this.#resetControl = new ResetControl(control);
    this.pci = new PciBus(this.#resetControl);
    this.pci.add(0, 0, hostBridge());
    this.#claimPorts();
    this.#firmware();
    this.rsdp = this.#writeTables();
  }

  /** Everything with state, by name: what a snapshot saves beside memory, clock and CPUs. */
  get devices(): Readonly<Record<string, Device>> {
    return {
      ...{ pics: this.pics, pit: this.pit, uart: this.uart, rtc: this.rtc, fwCfg: this.fwCfg },
      ...{ pm: this.pm, hotplug: this.hotplug, pci: this.pci, ioApic: this.ioApic },
      ...{ i8042: this.#i8042, systemControlA: this.#systemControlA },
      ...{ resetControl: this.#resetControl, testDevice: this.#testDevice },
      ...Object.fromEntries(this.apics.map((apic, index) => [`apic${index}`, apic])),
    };
  }

  /** Gives the next CPU its local APIC; the first is the boot processor. */
  attachProcessor(port: ProcessorPort): LocalApic {
    const id = this.apics.length;
    const { cpuCount, maxPhyAddr } = this.#options;
    if (id >= cpuCount) badArgument("processors", `at most ${cpuCount}`, "one more");
    const common = { id, clock: this.clock, bus: this.apicBus, port, maxPhyAddr, boot: id === 0 };
    const apic = new LocalApic(id === 0 ? { ...common, external: this.pics } : common);
    this.apics.push(apic);
    this.apicWindows.attach(apic);
    if (id === 0) apic.virtualWire();
    return apic;
  }

  /** The reset signal to every device, then what firmware does. RAM keeps its contents. */
  reset(): void {
    for (const device of Object.values(this.devices)) device.reset();
    this.#firmware();
  }

  /**
   * A wire to interrupt line `irq`, 0..23. A line is asserted while any of its wires is.
   * @param source unique among the wires of that line
   */
  line(source: string, irq: number): Wire {
    return (asserted) => {
      const asserting = this.#asserting[irq] as Set<string>;
      if (asserted) asserting.add(source);
      else asserting.delete(source);
      const level = asserting.size > 0;
      if (irq < ISA_IRQS) this.pics.setLine(irq, level);
      this.ioApic.setLine(IO_APIC_PIN_OF_IRQ[irq] ?? irq, level);
    };
  }

  /**
   * Plugs a DIMM: its memory, then the guest is told.
   * @param announce false before power-on
   * @returns its slot
   */
  plugDimm(base: number, bytes: number, announce = true): number {
    this.memory.plug(base, bytes);
    return this.hotplug.plug(base, bytes, 0, announce);
  }

  #makeHotplug(): MemoryHotplug {
    const events = this.#options.hotplug ?? {};
    return new MemoryHotplug(this.#options.memorySlots ?? DEFAULT_SLOTS, {
      raise: () => this.pm.raiseGpe(HOTPLUG_GPE),
      ejected: (slot, base, bytes) => {
        this.memory.unplug(base, bytes);
        events.ejected?.(slot, base, bytes);
      },
      reported: (slot, event, status) => events.reported?.(slot, event, status),
    });
  }

  #claimPorts(): void {
    const { ports, pics, pm } = this;
    const { control, debugConsole: console = () => {} } = this.#options;
    const keyboard = this.#i8042;
    ports.claim("master 8259", PORTS.masterPic, 2, pics.master);
    ports.claim("slave 8259", PORTS.slavePic, 2, pics.slave);
    ports.claim("edge/level control", PORTS.edgeLevel, 2, pics.edgeLevel);
    ports.claim("8254", PORTS.pit, 4, this.pit);
    ports.claim("system control B", PORTS.systemControlB, 1, this.pit.systemControl);
    ports.claim("8042 data", PORTS.keyboardData, 1, keyboard);
    ports.claim("8042 command", PORTS.keyboardCommand, 1, {
      read: () => keyboard.read(4),
      write: (_offset, _bytes, value) => keyboard.write(4, 1, value),
    });
    ports.claim("RTC", PORTS.rtc, 2, this.rtc);
    ports.claim("POST", PORTS.post, 1, this.post);
    ports.claim("system control A", PORTS.systemControlA, 1, this.#systemControlA);
    ports.claim("SMI command", PORTS.smi, 2, pm.smi);
    ports.claim("debug console", PORTS.debugConsole, 1, debugConsole(console));
    ports.claim("debug exit", PORTS.debugExit, 4, debugExit(control));
    ports.claim("UART", PORTS.serial, 8, this.uart);
    ports.claim("fw_cfg", PORTS.fwCfg, 12, this.fwCfg);
    ports.claim("PM1a events", PORTS.pm1Event, 4, pm.events);
    ports.claim("PM1a control", PORTS.pm1Control, 2, pm.control);
    ports.claim("PM timer", PORTS.pmTimer, 4, pm.timer);
    ports.claim("GPE0", PORTS.gpe0, GPE0_BYTES, pm.generalEvents);
    ports.claim("memory hotplug", PORTS.memoryHotplug, HOTPLUG_PORTS, this.hotplug);
    ports.claim("PCI", PORTS.pci, 8, this.pci);
    ports.claim("test storage", TEST_STORAGE_PORTS, 4, this.#testDevice.storage);
    const lines = Array.from({ length: IO_APIC_PINS }, (_, irq) => this.line("test", irq));
    const drive = (irq: number, asserted: boolean) => lines[irq]?.(asserted);
    ports.claim("test lines", TEST_IRQ_PORTS, IO_APIC_PINS, TestDevice.irqPorts(drive));
  }

  /** What firmware leaves in the devices. */
  #firmware(): void {
    const { fwCfg } = this;
    const { cpuCount, ramBytes } = this.#options;
    storeMemorySize(this.rtc, this.ram);
    fwCfg.setNumber(FW_CFG.ramBytes, ramBytes, 8);
    fwCfg.setNumber(FW_CFG.cpuCount, cpuCount, 2);
    fwCfg.setNumber(FW_CFG.maxCpus, cpuCount, 2);
    for (const [chip, icws] of [
      [this.pics.master, PIC_SETUP.master],
      [this.pics.slave, PIC_SETUP.slave],
    ] as const) {
      for (const [offset, word] of icws) chip.write(offset, 1, word);
    }
    this.pics.slave.setLevelInputs(SLAVE_LEVEL_INPUTS);
    this.apics[0]?.virtualWire();
  }

  #writeTables(): number {
    const apicIds = Array.from({ length: this.#options.cpuCount }, (_, id) => id);
    return writeAcpiTables(this.memory, {
      dsdt: {
        memorySlots: this.hotplug.state.slots.length,
        hotplugPort: PORTS.memoryHotplug,
        serialPort: PORTS.serial,
        serialIrq: IRQ.serial,
        pciMemoryBase: PCI_MEMORY.base,
        pciMemoryEnd: PCI_MEMORY.end,
      },
      fadt: {
        sciIrq: IRQ.sci,
        smiPort: PORTS.smi,
        pm1EventPort: PORTS.pm1Event,
        pm1ControlPort: PORTS.pm1Control,
        pmTimerPort: PORTS.pmTimer,
        gpe0Port: PORTS.gpe0,
        resetPort: PORTS.resetControl,
        resetValue: RESET_VALUE,
      },
      madt: {
        localApicBase: APIC_BASES.local,
        ioApicBase: APIC_BASES.io,
        apicIds,
        overrides: SOURCE_OVERRIDES,
      },
    });
  }
}
