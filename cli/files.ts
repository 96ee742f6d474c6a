import { constants } from 'node:fs';
import { access, appendFile, readlink, realpath, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { NotFlushed, placeFile, reasonOf, writeDurably } from '../core/files/index.js';
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

/** Of a new report. */
const REPORT_MODE = 0o644;

/**
 * Writes a report in one step; what is there is replaced. A device or a pipe that is named, e.g. /dev/stdout, is
 * written to as it is. Fails with `file-not-writable`.
 */
export async function writeReport(path: string, text: string): Promise<void> {
  const present = statOrNull(path);
  try {
    if (present?.isFile() === false) return await writeFile(path, text);
    const target = present === null ? await newTarget(path) : await realpath(path);
    if (present !== null) await access(target, constants.W_OK);
    await placeFile(target, text, { mode: (present?.mode ?? REPORT_MODE) & 0o777 });
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

function notWritable(path: string, cause: unknown): XspliceError {
  return new XspliceError('file-not-writable', `${path} cannot be written: ${reasonOf(cause)}`, {
    cause,
  });
}

/** Where a file that is not there would come to be: a link to nowhere is followed, and stays. */
async function newTarget(path: string): Promise<string> {
  const leadsTo = await readlink(path).catch(() => null);
  return leadsTo === null ? path : resolve(dirname(path), leadsTo);
}
