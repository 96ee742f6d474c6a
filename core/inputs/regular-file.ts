import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { onDisk } from '../abi/raw-path.js';
import { XspliceError } from '../findings/index.js';
import { attempt } from './attempt.js';
import { kindOf, statOf } from './path.js';

/** Ours: a text that a person writes. */
const MAX_TEXT_SIZE = 1024 * 1024;

/** A text, in UTF-8, of at most so many bytes. Fails as readPayloadFiles does, or with `file-too-large`. */
export function readTextFile(path: string, limitBytes = MAX_TEXT_SIZE): string {
  const { bytes, sizeBytes } = readRegularFile(path, limitBytes);
  if (bytes !== null)
    return Buffer.from(bytes)
      .toString('utf8')
      .replace(/^\ufeff/, '');
  throw new XspliceError(
    'file-too-large',
    `${path} has ${sizeBytes} bytes; at most ${limitBytes} are read`,
  );
}

/** The bytes, or null where there are more than `limit`. Nothing that could block is opened. */
export function readRegularFile(
  path: string,
  limit: number,
): { readonly bytes: Uint8Array | null; readonly sizeBytes: number } {
  requireFile(path, statOf(path));
  const file = attempt(path, () =>
    openSync(onDisk(path), constants.O_RDONLY | constants.O_NONBLOCK),
  );
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
