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
import { access, readlink, realpath } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LIVEPATCH_MAX_SIZE } from '../core/abi/livepatch.js';
import { NotFlushed, reasonOf, writeDurably } from '../core/files/index.js';
import { type Finding, finding, XspliceError } from '../core/findings/index.js';
import { MAX_IMAGE_SIZE } from '../core/image/index.js';
import { type InputFile, inputFile } from '../core/payload/index.js';

/** Payload files that were read, and findings on those that were not because of their size. */
export interface PayloadFiles {
  readonly inputs: readonly InputFile[];
  readonly findings: readonly Finding[];
}

const PAYLOAD_SUFFIX = '.livepatch';
/** Ours: more than a hypervisor could ever hold. */
const MAX_FILES = 4096;

/**
 * Reads payloads, each once. A directory stands for its `*.livepatch` files, in the order of their
 * names; those in its directories do not count. A file above Xen's limit of 2 MiB is not read but
 * becomes the finding `payload-too-large`.
 *
 * Fails with `file-not-found`, `file-not-readable`, `not-a-file`, `no-payloads` (an empty directory),
 * `too-many-files`, `file-changed`.
 */
export function readPayloadFiles(paths: readonly string[]): PayloadFiles {
  const files = new Set<string>();
  for (const path of paths) {
    for (const file of expand(path)) files.add(file);
    if (files.size > MAX_FILES) {
      throw new XspliceError('too-many-files', `More than ${MAX_FILES} payloads were given`);
    }
  }
  const inputs: InputFile[] = [];
  const findings: Finding[] = [];
  for (const file of files) {
    const { bytes, sizeBytes } = readRegularFile(file, LIVEPATCH_MAX_SIZE);
    if (bytes !== null) inputs.push(inputFile(file, bytes));
    else findings.push(tooLarge(file, sizeBytes));
  }
  return { inputs, findings };
}

/**
 * The payloads where none may be passed over. Fails as readPayloadFiles does, and with what that finds out
 * about a file that was not read.
 */
export function readEveryPayloadFile(paths: readonly string[]): readonly InputFile[] {
  const { inputs, findings } = readPayloadFiles(paths);
  const [first] = findings;
  if (first === undefined) return inputs;
  throw new XspliceError(first.code, `${first.file}: ${first.message}`, {
    findings,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
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
  const { mode } = present ?? statOf(like);
  try {
    const target = present === null ? await newTarget(path) : await realpath(path);
    // It would be replaced all the same: what counts is the permission to write into its directory.
    if (present !== null) await access(target, constants.W_OK);
    const owner = present === null ? {} : { owner: { uid: present.uid, gid: present.gid } };
    await writeDurably(target, bytes, { mode: mode & 0o777, ...owner });
  } catch (cause) {
    const what =
      cause instanceof NotFlushed
        ? 'is written, but whether a loss of power undoes it is not known'
        : 'cannot be written';
    throw new XspliceError('file-not-writable', `${path} ${what}: ${reasonOf(cause)}`, { cause });
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
