/**
 * A lock file between processes of one machine, which outlives nobody: a lock whose owner (and
 * whose owner's child) is gone is broken by the next who comes.
 */
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";

const POLL_MS = 200;
const BEAT_MS = 1000;
/** A lock that was not touched for so long is stale, whoever has the number of its process now. */
const SILENT_MS = 60_000;
/** A lock file without content may be just being written. */
const EMPTY_MS = 5000;

/**
 * Runs `work` while nobody else holds the lock at `path`, and returns what it returns.
 * @param say is told, once, when there is somebody to wait for
 * @param work gets `{ runs(pid) }`: keeps the lock good while that child lives, even if we die
 */
export async function withLock(path, say, work) {
  mkdirSync(dirname(path), { recursive: true });
  await acquire(path, say);
  const beat = setInterval(() => touch(path), BEAT_MS);
  try {
    return await work({ runs: (child) => writeFileSync(path, owner(child)) });
  } finally {
    clearInterval(beat);
    rmSync(path, { force: true });
  }
}

async function acquire(path, say) {
  for (let told = false; !tryCreate(path, owner()); ) {
    if (breakIfStale(path)) continue;
    if (!told) say("waiting for another set-up to end");
    told = true;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function owner(child) {
  return JSON.stringify({ host: hostname(), pid: process.pid, child });
}

function tryCreate(path, content) {
  try {
    writeFileSync(path, content, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes the lock if its owner is gone. Only one process at a time may judge and remove, or the
 * second would remove the lock that the first has just taken; a second, short lock sees to that.
 */
function breakIfStale(path) {
  if (!isStale(path)) return false;
  const breaker = `${path}.breaker`;
  if (!tryCreate(breaker, owner())) {
    if (ageMs(breaker) > EMPTY_MS) rmSync(breaker, { force: true });
    return false;
  }
  try {
    if (!isStale(path)) return false;
    rmSync(path, { force: true });
    return true;
  } finally {
    rmSync(breaker, { force: true });
  }
}

function isStale(path) {
  const age = ageMs(path);
  if (age > SILENT_MS) return true;
  const lock = read(path);
  if (lock === undefined) return age > EMPTY_MS;
  if (lock.host !== hostname()) return false;
  return !isAlive(lock.pid) && !(lock.child && isAlive(lock.child));
}

function read(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** 0 when there is no such file. */
function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Somebody took the lock for stale while this process was stopped; nothing to keep alive.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
