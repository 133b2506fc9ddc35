/** All benchmarks. A new suite is a module that exports its cases, and a line here. */

import { cpuCases } from "./cpu/suite.ts";
import type { BenchCase } from "./harness/case.ts";
import { kernelCases } from "./kernel/suite.ts";
import { walkCases } from "./walk/suite.ts";

export const CASES: readonly BenchCase[] = [...cpuCases, ...walkCases, ...kernelCases];
