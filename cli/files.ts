import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';
import {
  access,
  appendFile,
  chmod,
  chown,
  readlink,
  realpath,
  rename,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LIVEPATCH_MAX_SIZE } from '../core/abi/livepatch.js';
import { type Finding, finding, XspliceError } from '../core/findings/index.js';
import { MAX_IMAGE_SIZE } from '../core/image/index.js';
import { type InputFile, inputFile } from '../core/payload/index.js';

/** Payload files that were read, and findings on those that were not. */
export interface PayloadFiles {
  readonly inputs: readonly InputFile[];
  /** On files that are too large for Xen: they are not read. */
  readonly findings: readonly Finding[];
  /** On paths of which nothing is known: missing, not readable, changed while they were read. */
  readonly unreadable: readonly Finding[];
}

const PAYLOAD_SUFFIX = '.livepatch';
/** Ours: more than a hypervisor could ever hold. */
const MAX_FILES = 4096;

/**
 * Reads payloads, each once. A directory stands for its `*.livepatch` files, in the order of their
 * names; those in its directories do not count. A file above Xen's limit of 2 MiB is not read but
 * becomes the finding `payload-too-large`. A path that cannot be read does not keep the others from it.
 *
 * Findings on what cannot be read: `file-not-found`, `file-not-readable`, `not-a-file`, `file-changed`,
 * `no-payloads` (an empty directory). Fails with `too-many-files`.
 */
export function readPayloadFiles(paths: readonly string[]): PayloadFiles {
  const files = new Set<string>();
  const inputs: InputFile[] = [];
  const findings: Finding[] = [];
  const unreadable: Finding[] = [];
  const orUnreadable = (file: string, read: () => void) => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const { code, message, hint } = error;
      unreadable.push({ code, severity: 'error', message, hint, file });
    }
  };
  for (const path of paths) {
    orUnreadable(path, () => {
      for (const file of expand(path)) files.add(file);
    });
    if (files.size > MAX_FILES) {
      throw new XspliceError('too-many-files', `More than ${MAX_FILES} payloads were given`);
    }
  }
  for (const file of files) {
    orUnreadable(file, () => {
      const { bytes, sizeBytes } = readRegularFile(file, LIVEPATCH_MAX_SIZE);
      if (bytes !== null) inputs.push(inputFile(file, bytes));
      else findings.push(tooLarge(file, sizeBytes));
    });
  }
  return { inputs, findings, unreadable };
}

/**
 * The payloads where none may be passed over. Fails with what readPayloadFiles finds out about a path that
 * was not read.
 */
export function readEveryPayloadFile(paths: readonly string[]): readonly InputFile[] {
  const { inputs, findings, unreadable } = readPayloadFiles(paths);
  const [first] = [...unreadable, ...findings];
  if (first === undefined) return inputs;
  const { code, message, hint, file = '' } = first;
  throw new XspliceError(code, message.includes(file) ? message : `${file}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(findings.length === 0 ? {} : { findings }),
  });
}

/** Reads an image, or a file that may be one. Fails as readPayloadFiles does, or with `file-too-large`. */
export function readImageFile(path: string): Uint8Array {
  const { bytes, sizeBytes } = readRegularFile(path, MAX_IMAGE_SIZE);
  if (bytes !== null) return bytes;
  throw new XspliceError(
    'file-too-large',
    `${path} has ${sizeBytes} bytes; at most ${MAX_IMAGE_SIZE} are read`,
  );
}

/**
 * Writes a whole file in one step: it has its old content or the new one, whatever happens. A link keeps
 * leading to it. A file that is there keeps its owner, as far as that is allowed, and its permissions; a
 * new one has the permissions of `like`.
 *
 * Fails with `not-a-file` where something else is there, and with `file-not-writable`.
 */
export async function writeFileAs(path: string, bytes: Uint8Array, like: string): Promise<void> {
  const present = statOrNull(path);
  if (present?.isFile() === false) {
    const found = kindOf(present);
    throw new XspliceError('not-a-file', `${path} is ${found}, expected a regular file or none`, {
      hint: 'Choose another file with --output.',
    });
  }
  return writeWhole(path, bytes, present, statOf(like).mode);
}

/** Writes it beside its place and moves it there; `mode` is that of a new file, null for the usual one. */
async function writeWhole(
  path: string,
  bytes: Uint8Array,
  present: Stats | null,
  mode: number | null,
): Promise<void> {
  let draft: string | null = null;
  try {
    const target = present === null ? await newTarget(path) : await realpath(path);
    // It would be replaced all the same: what counts is the permission to write into its directory.
    if (present !== null) await access(target, constants.W_OK);
    const beside = `${target}.${process.pid}.new`;
    await writeFile(beside, bytes, { flag: 'wx', flush: true });
    draft = beside;
    if (present !== null) await chown(draft, present.uid, present.gid).catch(() => undefined);
    const wanted = present?.mode ?? mode;
    if (wanted !== null) await chmod(draft, wanted & 0o777);
    await rename(draft, target);
  } catch (cause) {
    if (draft !== null) await unlink(draft).catch(() => undefined);
    throw notWritable(path, cause);
  }
}

function notWritable(path: string, cause: unknown): XspliceError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new XspliceError('file-not-writable', `${path} cannot be written: ${code}`, { cause });
}

/**
 * Writes a report in one step; what is there is replaced. A device or a pipe that is named, e.g. /dev/stdout, is
 * written to as it is. Fails with `not-a-file` on a directory, and with `file-not-writable`.
 */
export async function writeReport(path: string, text: string): Promise<void> {
  const present = statOrNull(path);
  if (present === null || present.isFile()) {
    return writeWhole(path, Buffer.from(text), present, null);
  }
  try {
    await writeFile(path, text);
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

/** Adds to a file that a CI system gave us. Fails with `file-not-writable`. */
export async function appendTo(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text);
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

/** Where a file that is not there would come to be: a link to nowhere is followed, and stays. */
async function newTarget(path: string): Promise<string> {
  const leadsTo = await readlink(path).catch(() => null);
  return leadsTo === null ? path : resolve(dirname(path), leadsTo);
}

/** True where there is something of this name, whatever it is. */
export function exists(path: string): boolean {
  return statOrNull(path) !== null;
}

function expand(path: string): readonly string[] {
  const stats = statOf(path);
  if (!stats.isDirectory()) return [path];
  const entries = attempt(path, () => readdirSync(path));
  const files = entries.filter((name) => name.endsWith(PAYLOAD_SUFFIX)).sort();
  if (files.length === 0) {
    throw new XspliceError('no-payloads', `${path} holds no *${PAYLOAD_SUFFIX} file`, {
      hint: 'Name the files themselves if they are called otherwise.',
    });
  }
  return files.map((name) => join(path, name));
}

/** The bytes, or null where there are more than `limit`. Nothing that could block is opened. */
function readRegularFile(
  path: string,
  limit: number,
): { readonly bytes: Uint8Array | null; readonly sizeBytes: number } {
  requireFile(path, statOf(path));
  const file = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const before = fstatSync(file);
    // What was looked at by name may be another thing by now.
    requireFile(path, before);
    if (before.size > limit) return { bytes: null, sizeBytes: before.size };
    const bytes = attempt(path, () => readAll(file, before.size));
    requireUnchanged(path, before, fstatSync(file), bytes);
    requireUnchanged(path, before, statOf(path), bytes);
    return { bytes, sizeBytes: before.size };
  } finally {
    closeSync(file);
  }
}

/** One byte more than it should have is asked for: that it grew is seen then. */
function readAll(file: number, size: number): Uint8Array {
  const buffer = new Uint8Array(size + 1);
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(file, buffer, filled, buffer.length - filled, filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

function requireUnchanged(path: string, before: Stats, after: Stats, bytes: Uint8Array): void {
  const isSame =
    before.ino === after.ino &&
    before.dev === after.dev &&
    before.size === after.size &&
    before.mtimeMs === after.mtimeMs &&
    bytes.length === before.size;
  if (isSame) return;
  const found = bytes.length === before.size ? after.size : bytes.length;
  const what =
    found === before.size
      ? `it was written to at ${after.mtime.toISOString()}`
      : `it had ${before.size} bytes, then ${found}`;
  throw new XspliceError('file-changed', `${path} changed while it was read: ${what}`);
}

function requireFile(path: string, stats: Stats): void {
  if (stats.isFile()) return;
  throw new XspliceError('not-a-file', `${path} is ${kindOf(stats)}, expected a regular file`, {
    hint: stats.isDirectory()
      ? 'Name the file in it that is meant.'
      : 'Write its contents to a file first: files are read in full before anything is done.',
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'not a file';
}

function statOf(path: string): Stats {
  const stats = statOrNull(path);
  if (stats !== null) return stats;
  throw new XspliceError('file-not-found', `${path} does not exist`);
}

function statOrNull(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw notReadable(path, cause);
  }
}

/** What is done with a file that may turn out not to be readable. */
function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw notReadable(path, cause);
  }
}

function notReadable(path: string, cause: unknown): XspliceError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const hint =
    code === 'EACCES' || code === 'EPERM'
      ? 'Run it as a user who may read the file.'
      : 'Check the path.';
  return new XspliceError('file-not-readable', `${path} cannot be read: ${code}`, { hint, cause });
}

function tooLarge(file: string, sizeBytes: number): Finding {
  return finding('payload-too-large', {
    file,
    message: `The file has ${sizeBytes} bytes; Xen takes payloads of at most ${LIVEPATCH_MAX_SIZE}`,
    expected: `at most ${LIVEPATCH_MAX_SIZE} bytes`,
    actual: `${sizeBytes} bytes`,
  });
}
