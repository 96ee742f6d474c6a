import { ElfError } from '../elf/index.js';
import { type LinkObject, readObject } from './object.js';
import { missingBytes, type Opened, openObject } from './open.js';

/** The file system of the process, as far as the dynamic linker asks it. Paths are those of the process. */
export interface FileTree {
  /** Where a path leads, links followed inside the tree; null where no regular file is there. */
  real(path: string): string | null;
  /** The bytes of a file that `real` gave. Asked for again at once, they are not read again. */
  read(real: string): Uint8Array;
  /** Names in a directory, unordered; empty where there is none. */
  list(path: string): readonly string[];
}

/** A file that was opened: twice the same file is twice the same value. */
export type ObjectFile =
  | {
      readonly kind: 'object';
      /** Where it lies, links followed. */
      readonly real: string;
      readonly object: LinkObject;
      /** It is shorter than it says by this many bytes: the end of its last page reads as zeros. */
      readonly missingBytes: number;
    }
  | (Exclude<Opened, { readonly kind: 'opened' }> & { readonly real: string })
  /** Its tables are damaged: what happens then is not known. */
  | { readonly kind: 'damaged'; readonly real: string; readonly reason: string };

/** Opens files of one tree, each once. */
export class ObjectFiles {
  readonly tree: FileTree;
  readonly #known = new Map<string, ObjectFile>();

  constructor(tree: FileTree) {
    this.tree = tree;
  }

  /** Null where there is no file. */
  at(path: string): ObjectFile | null {
    const real = this.tree.real(path);
    if (real === null) return null;
    const known = this.#known.get(real);
    if (known !== undefined) return known;
    const opened = objectFile(real, this.tree.read(real));
    this.#known.set(real, opened);
    return opened;
  }
}

/** What these bytes are to the dynamic linker. */
export function objectFile(real: string, bytes: Uint8Array): ObjectFile {
  const opened = openObject(bytes);
  if (opened.kind !== 'opened') return { ...opened, real };
  try {
    const { program } = opened;
    const missing = missingBytes(program);
    return { kind: 'object', real, object: readObject(program), missingBytes: missing };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { kind: 'damaged', real, reason: error.message };
  }
}
