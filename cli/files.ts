import { constants, type Stats } from 'node:fs';
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
import { dirname, resolve } from 'node:path';
import { XspliceError } from '../core/findings/index.js';
import { kindOf, statOf, statOrNull } from '../core/inputs/index.js';

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
