#!/usr/bin/env node
'use strict';
/**
 * Starts the program that lies beside this file. Compiling it is half of a start, so what V8 compiled at the
 * first start is kept in a folder of the user and handed back at the next: by Node itself where it can
 * (22.1 on), else by this file. Where there is no folder that only the user may write, or what lies there is
 * not what was written, the program is compiled, and says the same.
 */
const OLDEST = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  // Nothing above or in this block may need a newer Node.
  process.stderr.write(
    `xsplice-ts needs Node.js ${OLDEST.join('.')} or later; this is ${process.versions.node}.\n`,
  );
  process.exit(1);
}

try {
  process.cwd();
} catch {
  process.stderr.write('xsplice-ts: the current folder is gone. Change to one that is there.\n');
  process.exit(1);
}

const fs = require('node:fs');
const { createRequire, enableCompileCache } = require('node:module');
const { isAbsolute, join } = require('node:path');

const PROGRAM = join(__dirname, 'program.js');
const DIGEST_SIZE = 32;
/** Ours: today's is 1.3 MiB. */
const MAX_KEPT_SIZE = 16 * 1024 * 1024;

/** True for a file or folder that belongs to this user, and that nobody else may write. */
function isOurs({ uid, mode }) {
  return uid === process.geteuid() && (mode & 0o022) === 0;
}

/** Where compiled code is kept; null where there is no such folder. */
function cacheFolder() {
  try {
    const base = process.env.XDG_CACHE_HOME || join(require('node:os').homedir(), '.cache');
    if (!isAbsolute(base)) return null;
    const folder = join(base, 'xsplice-ts');
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = fs.lstatSync(folder);
    return found.isDirectory() && isOurs(found) && isOurs(fs.statSync(base)) ? folder : null;
  } catch {
    return null;
  }
}

function digestOf(bytes) {
  return require('node:crypto').createHash('sha256').update(bytes).digest();
}

/** What an earlier start kept of this very source: a digest of the source, one of the rest, the rest. */
function readKept(path, source) {
  let file = null;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = fs.fstatSync(file);
    if (!found.isFile() || !isOurs(found) || found.size > MAX_KEPT_SIZE) return undefined;
    const bytes = fs.readFileSync(file);
    const kept = bytes.subarray(2 * DIGEST_SIZE);
    const isWhole =
      digestOf(source).equals(bytes.subarray(0, DIGEST_SIZE)) &&
      digestOf(kept).equals(bytes.subarray(DIGEST_SIZE, 2 * DIGEST_SIZE));
    return isWhole ? kept : undefined;
  } catch {
    return undefined;
  } finally {
    if (file !== null) fs.closeSync(file);
  }
}

/** The program as V8 is given it, not yet run. */
function scriptOf(source, cachedData) {
  const { Script } = require('node:vm');
  // It is written in ASCII, which is read fastest as latin1.
  const text = source.toString('latin1');
  const wrapped = `(function (require, __filename) { 'use strict'; ${text}\n})`;
  return new Script(wrapped, { filename: PROGRAM, cachedData });
}

/** Keeps all of the program as V8 compiles it, not only what this start happened to run. */
function keep(path, source) {
  const draft = `${path}.${process.pid}`;
  try {
    const { setFlagsFromString } = require('node:v8');
    // Anew and all of it. What V8 is told is part of what it compares, so it is told the contrary afterwards.
    setFlagsFromString('--no-compilation-cache');
    setFlagsFromString('--no-lazy');
    const script = scriptOf(source);
    setFlagsFromString('--lazy');
    setFlagsFromString('--compilation-cache');
    const kept = script.createCachedData();
    fs.writeFileSync(draft, Buffer.concat([digestOf(source), digestOf(kept), kept]), {
      flag: 'wx',
      mode: 0o600,
    });
    fs.renameSync(draft, path);
  } catch {
    // It is compiled again next time.
    fs.rmSync(draft, { force: true });
  }
}

function start() {
  const folder = cacheFolder();
  if (enableCompileCache !== undefined) {
    if (folder !== null) enableCompileCache(folder);
    require(PROGRAM);
    return;
  }
  const source = fs.readFileSync(PROGRAM);
  // The tag stands for V8's version, its options and the processor.
  const tag = require('node:v8').cachedDataVersionTag();
  const path = folder === null ? null : join(folder, `program-${tag}.cache`);
  const kept = path === null ? undefined : readKept(path, source);
  if (path !== null && kept === undefined) process.once('exit', () => keep(path, source));
  scriptOf(source, kept).runInThisContext()(createRequire(PROGRAM), PROGRAM);
}

start();
