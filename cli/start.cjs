#!/usr/bin/env node
'use strict';
/**
 * Starts the program that lies beside this file. Compiling it is half of a start, so what V8 compiled for a command
 * is kept in a folder of the user and handed back when the command is run again. (What Node keeps by itself, from
 * 22.1 on, holds no function that a start did not run at once.) Where there is no folder that only the user may
 * write, or what lies there is not what was written, the program is compiled, and says the same.
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
const { isAbsolute, join } = require('node:path');

/** Put in where the program is bundled. */
const VERSION = '0.0.0';
const PROGRAM = join(__dirname, 'program.js');
/** In front of what is kept: checksums of the source and of the rest, and how many parts of the program it has. */
const HEAD_SIZE = 12;
/** Ours: today's largest is 1.5 MiB. */
const MAX_KEPT_SIZE = 16 * 1024 * 1024;
/** How a command ends that did what it was there for: whatever else was typed leaves no file behind. */
const DONE = [0, 3, 4];

/** True for a file or folder that belongs to this user, and that nobody else may write. */
function isOurs({ uid, mode }) {
  return uid === process.geteuid() && (mode & 0o022) === 0;
}

/** Where compiled code is kept; null where there is no such folder. */
function cacheFolder() {
  try {
    const { XDG_CACHE_HOME, HOME } = process.env;
    const base = XDG_CACHE_HOME || join(HOME || require('node:os').homedir(), '.cache');
    if (!isAbsolute(base)) return null;
    const folder = join(base, 'xsplice-ts');
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = fs.lstatSync(folder);
    return found.isDirectory() && isOurs(found) && isOurs(fs.statSync(base)) ? folder : null;
  } catch {
    return null;
  }
}

/** Where the code of the command that was typed is kept; null where nothing is. */
function keptPath() {
  const folder = cacheFolder();
  if (folder === null) return null;
  const [word = ''] = process.argv.slice(2);
  const command = /^[a-z-]{1,32}$/.test(word) ? word : 'any';
  return join(folder, `${command}-${process.version}-${process.arch}.cache`);
}

function checksumOf(bytes) {
  return require('node:zlib').crc32(bytes);
}

/** What an earlier start kept of this very source; null where there is nothing of use. */
function readKept(path, source) {
  let file = null;
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    file = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = fs.fstatSync(file);
    if (!found.isFile() || !isOurs(found) || found.size > MAX_KEPT_SIZE) return null;
    const bytes = fs.readFileSync(file);
    const code = bytes.subarray(HEAD_SIZE);
    const isWhole =
      checksumOf(source) === bytes.readUInt32LE(0) && checksumOf(code) === bytes.readUInt32LE(4);
    return isWhole ? { code, parts: bytes.readUInt32LE(8) } : null;
  } catch {
    return null;
  } finally {
    if (file !== null) fs.closeSync(file);
  }
}

/** Keeps what V8 compiled of the program so far. */
function keep(path, source, script, parts) {
  const draft = `${path}.${process.pid}`;
  try {
    const code = script.createCachedData();
    const head = Buffer.alloc(HEAD_SIZE);
    head.writeUInt32LE(checksumOf(source), 0);
    head.writeUInt32LE(checksumOf(code), 4);
    head.writeUInt32LE(parts, 8);
    fs.writeFileSync(draft, Buffer.concat([head, code]), { flag: 'wx', mode: 0o600 });
    fs.renameSync(draft, path);
  } catch {
    // It is compiled again next time.
    fs.rmSync(draft, { force: true });
  }
}

function start() {
  const { Script } = require('node:vm');
  const source = fs.readFileSync(PROGRAM);
  const path = keptPath();
  const kept = path === null ? null : readKept(path, source);
  // It is written in ASCII, which is read fastest as latin1.
  const script = new Script(source.latin1Slice(), { filename: PROGRAM, cachedData: kept?.code });
  const partsRun = script.runInThisContext()(require, PROGRAM);
  if (path === null) return;
  process.once('exit', (code) => {
    const isNew = kept === null || script.cachedDataRejected === true || partsRun() > kept.parts;
    if (isNew && DONE.includes(code)) keep(path, source, script, partsRun());
  });
}

/** The one question that needs nothing of the program. False where it could not be answered. */
function toldVersion() {
  const words = process.argv.slice(2);
  if (words.length !== 1 || !['--version', '-V', '-v'].includes(words[0])) return false;
  try {
    fs.writeSync(1, `${VERSION}\n`);
    return true;
  } catch {
    // The program waits where it has to, and says what is wrong.
    return false;
  }
}

if (!toldVersion()) start();
