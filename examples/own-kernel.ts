/**
 * A kernel of one's own: one more answer to the thread's question of June 2017, run at every depth
 * beside the one that was merged. A kernel is a record of choices; what is not said here is v4.17's.
 *
 * The idea to try: never free a PUD table, and clear the top entries of all processes instead of
 * keeping the tables reachable. Change a line, and see what becomes of it.
 */
import {
  COLUMNS,
  type KernelRecord,
  kernelNamed,
  matrixText,
  runMatrix,
  runScenario,
  scenarioNamed,
} from "../src/index.ts";

const mine: KernelRecord = {
  ...kernelNamed("v4.17"),
  name: "mine",
  date: "2026-01-01",
  title: "frees emptied PUD tables at any depth, and clears every copy of the entry",
  source: "this example",
  freesPudTable: "always",
  clearsOtherPgds: "always",
  teardownOrder: "gather-all",
};

const story = scenarioNamed("2017");
const rows = runMatrix(story, { kernels: [kernelNamed("v4.12"), kernelNamed("glisse-v3"), mine] });
for (const line of matrixText(story, rows)) console.log(line);

// No table kept, no BUG, nothing found: right, but slower the more processes there are, as each
// removal visits them all; and a processor between the two writes walks what is about to go.
const { kernel, cell } = runScenario(story, { kernel: mine, levels: 4, processes: 100 });
console.log();
console.log(`mine with 100 processes: ${cell.outcome}, ${kernel.counts.tlbFlushes} flushes`);

// What was expected of it, in code: exit code 1 if it does not hold.
const own = rows.at(-1);
for (const column of COLUMNS) {
  const observed = own?.cells[column].observed;
  if (observed === "n/a" || observed?.outcome !== "passes" || observed.tablesKept !== 0) {
    console.error(`${column}: expected passes and no table kept`);
    process.exitCode = 1;
  }
}
