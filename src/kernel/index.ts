/** The kernel folder's share of the public surface: mini kernels, what they do, and scenarios. */
export { type BootOptions, bootKernel } from "./boot.ts";
export { errnoName, type KernelBug } from "./bug.ts";
export { type DeviceOptions, memremapPages, memunmapPages } from "./device-memory.ts";
export { type DumpRange as KernelDumpRange, dumpRanges, dumpText } from "./dump.ts";
export {
  type AddOptions,
  addMemory,
  plugDimm,
  removeMemory,
  unplugDimm,
} from "./hotplug.ts";
export type { Kernel, Mm, OperationResult } from "./kernel.ts";
export { type KaslrOffsets, Layout } from "./layout.ts";
export { offlineBlock, onlineBlock } from "./memory-block.ts";
export {
  comparePictures,
  type EntryChangeSeen,
  entryText,
  type PictureEntry,
  takePicture,
} from "./picture.ts";
export { createProcess, destroyProcess } from "./process.ts";
export { type Depth, freesPudTable, type KernelRecord, type PudCondition } from "./record.ts";
export { KERNELS, kernelNamed } from "./records.ts";
export {
  type Cell,
  COLUMNS,
  type Column,
  type ExpectedCell,
  type ExpectedRow,
  type Outcome,
} from "./scenarios/cells.ts";
export {
  type MatrixCell,
  type MatrixOptions,
  type MatrixRow,
  runMatrix,
} from "./scenarios/matrix.ts";
export { SCENARIOS, scenarioNamed } from "./scenarios/registry.ts";
export { matrixText, type ReportLine, runText } from "./scenarios/report.ts";
export {
  runScenario,
  type Scenario,
  type ScenarioOptions,
  type ScenarioRun,
  Stage,
  type StepReport,
} from "./scenarios/scenario.ts";
export { type UserAccess, userFetch, userRead, userWrite } from "./user/access.ts";
export { fork } from "./user/fork.ts";
export { type MmapOptions, mmap, mprotect, munmap, type Protection } from "./user/mmap.ts";
export { KernelView } from "./view.ts";
