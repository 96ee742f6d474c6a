import { type Dirent, readdirSync } from 'node:fs';
import { mayHaveLost, onDisk, pathText } from '../abi/raw-path.js';
import { attempt } from './attempt.js';

/** What a folder holds under one name. */
export interface Entry {
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

/** What a folder holds, in the order of the names. Fails with `file-not-readable`. */
export function entriesOf(folder: string): readonly Entry[] {
  const path = onDisk(folder);
  const read = () => readdirSync(path, { withFileTypes: true });
  const found = attempt(folder, read).map((entry): Entry => {
    return { name: entry.name, kind: kindOf(entry) };
  });
  // Only where there is such a name, since it takes four times as long.
  const entries = found.some(({ name }) => mayHaveLost(name)) ? rawEntries(folder, path) : found;
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function rawEntries(folder: string, path: string | Buffer): readonly Entry[] {
  const read = () => readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  return attempt(folder, read).map((entry) => ({
    name: pathText(entry.name),
    kind: kindOf(entry),
  }));
}

function kindOf(entry: Pick<Dirent, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): Entry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
