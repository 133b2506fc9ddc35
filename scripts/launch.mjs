/** What `./pml5` runs: the set-up, then the command line in this same process. */
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { failSetUp, setUp } from "./setup.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
await setUp().catch(failSetUp);
const main = join(root, "dist", "src", "cli", "main.js");
process.argv[1] = main;
await import(pathToFileURL(main).href);
