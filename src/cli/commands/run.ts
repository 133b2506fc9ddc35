/** `pml5 run IMAGE`: starts a machine, its serial port on the terminal. */
import { basename } from "node:path";
import { BootError } from "../../machine/boot/placement.ts";
import { Machine, TLB_MODELS } from "../../machine/machine.ts";
import type { MachineStop } from "../../machine/stop.ts";
import type { Arguments } from "../arguments.ts";
import { type Command, UsageError } from "../command.ts";
import type { Io } from "../io.ts";
import { Console } from "../machine/console.ts";
import { fileSource } from "../machine/file-source.ts";
import { MachineStatistics } from "../machine/statistics.ts";
import { stopLines } from "../machine/stop-report.ts";
import { TRACES, traceMachine } from "../machine/trace.ts";
import { bytes, decimal, hexadecimal } from "../values.ts";

/** Instructions between two looks at the terminal: some tens of milliseconds. */
const CHUNK_INSTRUCTIONS = 5_000_000;

/** Even, so that no debug exit (an odd code) looks like one of them. */
const EXIT = { ended: 0, triple: 4, halted: 6, limit: 8, exhausted: 10 } as const;

export const runCommand: Command = {
  name: "run",
  summary: "start a machine: a multiboot, ELF64 or Linux image, its serial port on the terminal",
  operands: ["IMAGE"],
  options: {
    memory: { value: "SIZE", short: "m", help: "RAM, 2M at least (128M)" },
    cpus: { value: "N", help: "processors, 1..32 (1)" },
    cpu: { value: "MODEL", help: "max and changes: max,-la57,-pku,phys-bits=40 (max)" },
    levels: { value: "4|5", help: "paging levels at a 64-bit entry; 4 also hides la57" },
    append: { value: "TEXT", help: "the guest's command line" },
    module: { value: "FILE", help: "a multiboot module; may be given several times" },
    initrd: { value: "FILE", help: "the initial RAM disk of a Linux kernel" },
    dimm: { value: "SIZE@HEX", help: "memory plugged at power-on: 256M@0x8000000000; repeatable" },
    flat: {
      value: "MODE@HEX",
      help: "IMAGE is plain bytes: real, protected or long mode, address",
    },
    tlb: { value: Object.keys(TLB_MODELS).join("|"), help: "which TLB; lazy keeps all it may" },
    seed: { value: "N", help: "decides the processors' turns and RDRAND (1)" },
    quantum: { value: "N", help: "mean instructions of a turn, with several processors (2000)" },
    "max-instructions": { value: "N", help: "stop after so many" },
    trace: { value: TRACES.join("|"), help: "print walks, instructions or events on stderr" },
    stats: { help: "instructions, MIPS, walks, TLB hits and faults at the end, on stderr" },
    realtime: { help: "when all processors are halted, wait as long as the guest would" },
  },
  details: `IMAGE is recognised by its content. On a terminal every key goes to the guest, Ctrl-C too;
Ctrl-A x leaves, Ctrl-A Ctrl-A sends one Ctrl-A.

The exit code is the guest's: port 0xf4 with value v gives 2v+1, power-off and reset 0. A triple
fault gives ${EXIT.triple}, a machine that halted for ever ${EXIT.halted}, the end of --max-instructions ${EXIT.limit}, the end of the
host's memory ${EXIT.exhausted}.`,
  examples: [
    ["run kernel.elf", "a multiboot kernel with 128 MiB"],
    ["run kernel.elf --cpu max,-la57 --cpus 2", "two processors without 5-level paging"],
    ["run kernel.elf --tlb lazy --trace mmu", "a missing flush shows"],
  ],
  run,
};

async function run(args: Arguments, io: Io): Promise<number> {
  const serial = new Console(io);
  const machine = makeMachine(args, serial);
  load(machine, args);
  const statistics = args.has("stats") ? new MachineStatistics(machine) : undefined;
  const finishTrace = traceMachine(machine, args.text("trace"), io);
  serial.attach(machine.board.uart);
  try {
    const stop = await runToEnd(machine, serial, args, io);
    await serial.flush();
    await finishTrace();
    if (stop !== undefined)
      for (const line of await stopLines(machine, stop, io)) io.err.line(line);
    for (const line of statistics?.lines(io.style) ?? []) io.err.line(line);
    return stop === undefined ? EXIT.ended : exitCodeOf(stop);
  } finally {
    serial.detach();
  }
}

function exitCodeOf(stop: MachineStop): number {
  switch (stop.reason) {
    case "exit":
      return stop.code;
    case "triple-fault":
      return EXIT.triple;
    case "halted":
    case "idle":
      return EXIT.halted;
    case "limit":
      return EXIT.limit;
    case "exhausted":
      return EXIT.exhausted;
    default:
      return EXIT.ended;
  }
}

/** @returns undefined when the user left */
async function runToEnd(
  machine: Machine,
  serial: Console,
  args: Arguments,
  io: Io,
): Promise<MachineStop | undefined> {
  let left =
    args.value("max-instructions", decimal(1, Number.MAX_SAFE_INTEGER)) ?? Number.POSITIVE_INFINITY;
  const started = performance.now();
  while (!serial.wantsToLeave) {
    const chunk = Math.min(left, CHUNK_INSTRUCTIONS);
    const before = machine.instructions;
    const stop = machine.run({ maxInstructions: chunk, pauseWhenIdle: args.has("realtime") });
    left -= stop.reason === "limit" ? chunk : machine.instructions - before;
    await serial.flush();
    if (io.err.isFull) await io.err.flush();
    if (stop.reason === "limit" && left <= 0) return stop;
    if (stop.reason === "paused") {
      await serial.waitUntil(started + machine.nextEventAt / 1e6);
      machine.skipTo(Math.min(machine.nextEventAt, (performance.now() - started) * 1e6));
    } else if (stop.reason === "idle") {
      if (!(await serial.waitForInput())) return stop;
    } else if (stop.reason !== "limit") return stop;
    else await serial.breathe();
  }
  return undefined;
}

function makeMachine(args: Arguments, serial: Console): Machine {
  const levels = args.has("levels") ? levelsOf(args) : undefined;
  const model = args.text("cpu") ?? "max";
  const options = {
    memoryBytes: args.value("memory", bytes),
    cpus: args.value("cpus", decimal(1, 32)),
    cpu: levels === 4 ? `${model},-la57` : model,
    dimms: args.texts("dimm").map(dimmOf),
    tlb: args.has("tlb") ? tlbOf(args) : undefined,
    seed: args.value("seed", decimal(0, 0x7fff_ffff)),
    quantum: args.value("quantum", decimal(1, 1_000_000_000)),
    serial,
    debugConsole: (byte: number) => serial.put(byte),
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return new Machine(Object.fromEntries(given));
}

function tlbOf(args: Arguments): keyof typeof TLB_MODELS {
  return args.choice("tlb", ["default", "none", "lazy"]);
}

function levelsOf(args: Arguments): 4 | 5 {
  return Number(args.choice("levels", ["4", "5"])) as 4 | 5;
}

function dimmOf(text: string): { base: number; bytes: number } {
  const [size = "", base] = text.split("@");
  if (base === undefined) throw new UsageError(`--dimm: expected SIZE@ADDRESS, got ${text}`);
  return { base: Number(hexadecimal(base, "--dimm")), bytes: bytes(size, "--dimm") };
}

function load(machine: Machine, args: Arguments): void {
  const path = args.operands[0] as string;
  const image = fileSource(path);
  try {
    const flat = args.text("flat");
    if (flat !== undefined) {
      const [mode = "", address = ""] = flat.split("@");
      if (mode !== "real" && mode !== "protected" && mode !== "long") {
        throw new UsageError(`--flat: expected real, protected or long, got ${mode}`);
      }
      machine.loadFlat({ image, mode, address: Number(hexadecimal(address, "--flat")) });
      return;
    }
    const initrd = args.text("initrd");
    const modules = [...(initrd === undefined ? [] : [initrd]), ...args.texts("module")];
    machine.load({
      image,
      imageName: path,
      commandLine: args.text("append") ?? "",
      modules: modules.map((file) => ({ source: fileSource(file), commandLine: basename(file) })),
      levels: args.has("levels") ? levelsOf(args) : 4,
    });
  } catch (error) {
    if (error instanceof BootError) throw new UsageError(error.message);
    throw error;
  }
}
