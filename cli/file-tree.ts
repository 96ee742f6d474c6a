import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { posix } from 'node:path';
import { reasonOf } from '../core/files/index.js';
import { XspliceError } from '../core/findings/index.js';
import type { FileTree } from '../core/link/index.js';

/** Linux gives up after as many. */
const MAX_LINKS = 40;
/** Ours: the largest library of a Debian, libLLVM, has some 130 MiB. */
const MAX_FILE_SIZE = 512 * 1024 * 1024;

/**
 * The files below a folder, with the folder as the root: a link with an absolute target, or with too many
 * `..`, leads to what is there below it, and never out of it.
 */
export class RootedTree implements FileTree {
  readonly root: string;
  readonly #known = new Map<string, string | null>();
  readonly #links = new Map<string, string | 'folder' | 'file' | null>();
  #last: { readonly real: string; readonly bytes: Uint8Array } | null = null;

  /** `/` is the machine itself. */
  constructor(root: string) {
    this.root = root.replace(/\/+$/, '');
  }

  real(path: string): string | null {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const found = this.#walk(path, 'file');
    this.#known.set(path, found);
    return found;
  }

  read(real: string): Uint8Array {
    if (this.#last?.real !== real) this.#last = { real, bytes: readWhole(this.onDisk(real)) };
    return this.#last.bytes;
  }

  list(path: string): readonly string[] {
    const folder = this.#walk(path, 'folder');
    if (folder === null) return [];
    try {
      return readdirSync(this.onDisk(folder));
    } catch {
      return [];
    }
  }

  /** The path for the machine of one that `real` gave. */
  onDisk(real: string): string {
    return `${this.root}${real}`;
  }

  #walk(path: string, wanted: 'file' | 'folder'): string | null {
    let waiting = parts(path);
    let here = '';
    let links = 0;
    let kind: 'folder' | 'file' = 'folder';
    while (waiting.length > 0) {
      const [name = '', ...rest] = waiting;
      waiting = rest;
      if (name === '..') {
        here = posix.dirname(here === '' ? '/' : here).replace(/^\/$/, '');
        continue;
      }
      if (kind === 'file') return null;
      const next = `${here}/${name}`;
      const found = this.#look(next);
      if (found === null) return null;
      if (found === 'folder' || found === 'file') {
        here = next;
        kind = found;
        continue;
      }
      links++;
      if (links > MAX_LINKS) return null;
      const target = found.slice(1);
      if (target.startsWith('/')) here = '';
      waiting = [...parts(target), ...waiting];
    }
    return kind === wanted ? here || '/' : null;
  }

  /** `>target` for a link; null for what is not there, or is neither file, folder nor link. */
  #look(path: string): string | null {
    const known = this.#links.get(path);
    if (known !== undefined) return known;
    let found: string | null = null;
    try {
      const stats = lstatSync(this.onDisk(path));
      if (stats.isSymbolicLink()) found = `>${readlinkSync(this.onDisk(path))}`;
      else if (stats.isDirectory()) found = 'folder';
      else if (stats.isFile()) found = 'file';
    } catch {
      found = null;
    }
    this.#links.set(path, found);
    return found;
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** All of a regular file. Nothing that could block is opened. Fails with `file-not-readable`. */
export function readWhole(path: string): Uint8Array {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = fstatSync(file);
      if (size > MAX_FILE_SIZE) {
        throw new XspliceError(
          'file-too-large',
          `${path} has ${size} bytes; at most ${MAX_FILE_SIZE} are read`,
        );
      }
      const buffer = Buffer.allocUnsafe(size);
      let filled = 0;
      while (filled < size) {
        const count = readSync(file, buffer, filled, size - filled, filled);
        if (count === 0) break;
        filled += count;
      }
      return buffer.subarray(0, filled);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if (cause instanceof XspliceError) throw cause;
    throw new XspliceError('file-not-readable', `${path} cannot be read: ${reasonOf(cause)}`, {
      cause,
    });
  }
}
