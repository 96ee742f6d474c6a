import { constants, type Stats } from 'node:fs';
import { access, appendFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { onDisk, pathText } from '../core/abi/raw-path.js';
import { NotFlushed, placeFile, reasonOf, writeDurably } from '../core/files/index.js';
import { XspliceError } from '../core/findings/index.js';
import { kindOf, linkTarget, statOf, statOrNull } from '../core/inputs/index.js';

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
    const target = await placeOf(path, present);
    const owner = present === null ? {} : { owner: { uid: present.uid, gid: present.gid } };
    await writeDurably(target, bytes, { mode: mode & 0o777, ...owner });
  } catch (cause) {
    throw notWritable(path, cause);
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
    if (present?.isFile() === false) return await writeFile(onDisk(path), text);
    const target = await placeOf(path, present);
    await placeFile(target, text, { mode: (present?.mode ?? REPORT_MODE) & 0o777 });
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

/** Adds to a file that a CI system gave us. Fails with `file-not-writable`. */
export async function appendTo(path: string, text: string): Promise<void> {
  try {
    await appendFile(onDisk(path), text);
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

function notWritable(path: string, cause: unknown): XspliceError {
  const what =
    cause instanceof NotFlushed
      ? 'is written, but whether a loss of power undoes it is not known'
      : 'cannot be written';
  return new XspliceError('file-not-writable', `${path} ${what}: ${reasonOf(cause)}`, { cause });
}

/** Where the contents of a path lie, or would come to lie: links are followed, and stay. Throws what the system does. */
async function placeOf(path: string, present: Stats | null): Promise<string> {
  if (present !== null) {
    const target = await realpath(onDisk(path), 'buffer');
    // It would be replaced all the same: what counts is the permission to write into its directory.
    await access(target, constants.W_OK);
    return pathText(target);
  }
  const leadsTo = linkTarget(path);
  return leadsTo === null ? path : resolve(dirname(path), leadsTo);
}
