/**
 * The one set-up script: installs the development packages and builds `dist`, each only when it is
 * missing or stale. Called before start, test, bench and pack, and by the launcher `./pml5`.
 *
 * Plain JavaScript without dependencies, because it runs before anything is installed; and without
 * recent syntax, because it is also what tells the owner of an old Node so.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, "dist");
const STAMP = join(DIST, ".stamp");
const CACHE = join(ROOT, ".cache");
/** Folders that `tsc` compiles, as tsconfig.build.json lists them. */
const BUILT_FOLDERS = ["src", "bench", "examples"];
const BUILD_INPUTS = ["tsconfig.json", "tsconfig.build.json", "package.json"];
/** Retries are short: by default npm takes over a minute to say that nobody answers. */
const INSTALL_ARGUMENTS = [
  ..."ci --include=dev --prefer-offline --no-audit --no-fund".split(" "),
  ..."--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=60000".split(" "),
];
const NETWORK_ERROR =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|E50\d)\b/;

/** What went wrong, in words for the person who typed the command. */
export class SetupError extends Error {}

/**
 * Installs and builds what is missing. Afterwards `dist` is built from the sources as they are.
 * @throws SetupError
 */
export async function setUp() {
  checkNode();
  if (isInstalled() && isBuilt()) return;
  await withLock(join(CACHE, "setup.lock"), say, async (lock) => {
    if (!isInstalled()) await install(lock);
    if (!isBuilt()) await build(lock);
  });
}

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function checkNode() {
  const wanted = readJson(join(ROOT, "package.json")).engines.node;
  const [least, have] = [wanted, process.versions.node].map((version) =>
    version.replace(/^\D+/, "").split(".").map(Number),
  );
  const tooOld = have[0] < least[0] || (have[0] === least[0] && have[1] < (least[1] || 0));
  if (tooOld) throw new SetupError(`Node ${wanted} is needed, this is ${process.versions.node}`);
}

// --- Installing ---------------------------------------------------------------------------------

/**
 * Whether node_modules holds what package-lock.json says. npm writes its own lockfile there last,
 * so an interrupted install has none; the packages are looked for too, as somebody may have
 * deleted some.
 */
function isInstalled() {
  const wanted = readJson(join(ROOT, "package-lock.json")).packages;
  const lock = readJson(join(ROOT, "node_modules", ".package-lock.json"));
  const installed = lock?.packages;
  if (!installed) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const have = installed[path];
    if (have === undefined) {
      if (entry.optional) continue;
      return false;
    }
    if (have.version !== entry.version || have.integrity !== entry.integrity) return false;
    if (!suitsThisMachine(have)) return false;
    if (!existsSync(join(ROOT, path, "package.json"))) return false;
  }
  return true;
}

/** False for a binary package of another platform: a node_modules copied from there. */
function suitsThisMachine({ os, cpu }) {
  return (!os || os.includes(process.platform)) && (!cpu || cpu.includes(process.arch));
}

async function install(lock) {
  say("installing the development packages (npm ci)");
  const { code, output } = await run(lock, ...npm(INSTALL_ARGUMENTS));
  if (code === 0) {
    if (isInstalled()) return;
    throw new SetupError("npm ci ended well, but node_modules does not match package-lock.json");
  }
  const network = NETWORK_ERROR.exec(output);
  if (network) {
    throw new SetupError(
      `the npm registry does not answer (${network[1]}); is there a network, or a proxy to set?`,
    );
  }
  throw new SetupError(`npm ci failed (exit ${code})\n${lastLines(output, 15)}`);
}

/** The npm that runs us if one does, else the one on the PATH. */
function npm(args) {
  const cli = process.env.npm_execpath;
  if (cli && /npm-cli\.c?js$/.test(cli)) return [process.execPath, [cli, ...args]];
  return ["npm", args];
}

// --- Building -----------------------------------------------------------------------------------

/** Whether dist was built from the sources as they are, and nobody deleted parts of it since. */
function isBuilt() {
  if (!existsSync(STAMP) || readFileSync(STAMP, "utf8") !== fingerprint()) return false;
  return sources().every((path) =>
    existsSync(join(DIST, relative(ROOT, path).replace(/\.([cm]?)ts$/, ".$1js"))),
  );
}

/** Changes with the content or the name of anything that the build reads, and the compiler. */
function fingerprint() {
  const hash = createHash("sha256");
  const compiler = readJson(join(ROOT, "node_modules", "typescript", "package.json"));
  hash.update(`typescript ${compiler?.version}\n`);
  for (const path of [...BUILD_INPUTS.map((name) => join(ROOT, name)), ...sources()]) {
    const content = readFileSync(path);
    hash.update(`${relative(ROOT, path)} ${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

function sources() {
  const found = [];
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.[cm]?ts$/.test(entry.name)) found.push(path);
    }
  };
  for (const name of BUILT_FOLDERS) if (existsSync(join(ROOT, name))) visit(join(ROOT, name));
  return found.sort();
}

/** Builds beside `dist` and swaps the two, so that nobody loads from a half-written folder. */
async function build(lock) {
  say("building dist (tsc)");
  const fresh = join(CACHE, "dist-new");
  const old = join(CACHE, "dist-old");
  for (const path of [fresh, old]) rmSync(path, { recursive: true, force: true });
  const stamp = fingerprint();
  const tsc = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const args = [tsc, "-p", "tsconfig.build.json", "--outDir", fresh, "--pretty", "false"];
  const { code, output } = await run(lock, process.execPath, args);
  if (code !== 0) throw new SetupError(`the build failed\n${output.trimEnd()}`);
  writeFileSync(join(fresh, ".stamp"), stamp);
  if (existsSync(DIST)) renameSync(DIST, old);
  renameSync(fresh, DIST);
  rmSync(old, { recursive: true, force: true });
}

// --- Running ------------------------------------------------------------------------------------

/** Runs a command in the project's folder, its output collected; the lock knows of its process. */
function run(lock, command, args) {
  return new Promise((resolve, reject) => {
    const shell = process.platform === "win32" && command === "npm";
    const child = spawn(command, args, { cwd: ROOT, shell, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", (error) => reject(new SetupError(`${command}: ${error.message}`)));
    child.on("close", (code, signal) => resolve({ code: code === null ? signal : code, output }));
    lock.runs(child.pid);
  });
}

function lastLines(text, count) {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** Reports what `setUp` throws and ends the process. */
export function failSetUp(error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exit(1);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === realpathSync(process.argv[1])) {
  await setUp().catch(failSetUp);
}
