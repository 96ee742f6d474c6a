import type { ObjectFile, ObjectFiles } from './files.js';
import type { LinkObject } from './object.js';
import { type Asking, findLibrary, type SearchPaths } from './search.js';

/** A file in a process. */
export interface Loaded {
  /** As ld.so names it: the path that was searched. */
  readonly path: string;
  readonly real: string;
  readonly object: LinkObject;
  readonly missingBytes: number;
  readonly asking: Asking;
}

/** Why a file is not loaded. */
export type LoadFailure =
  /** ld.so says this. */
  | { readonly kind: 'missing' | 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'kills' | 'damaged'; readonly name: string; readonly text: string };

/** What is in a process, by the names under which it is found again. */
export interface Loading {
  readonly files: ObjectFiles;
  readonly paths: SearchPaths;
  /** By the name that was asked for, and by SONAME. */
  readonly names: ReadonlyMap<string, Loaded>;
}

export type Graph =
  | {
      readonly kind: 'loaded';
      /** The first file, then what it needs, breadth first, each once: its scope. */
      readonly scope: readonly Loaded[];
      readonly names: ReadonlyMap<string, Loaded>;
    }
  | { readonly kind: 'failed'; readonly failure: LoadFailure };

/** Ours: some graphical programs have three hundred. */
const MAX_OBJECTS = 4096;

/** A file that was opened, as one of a process; or why it cannot be. */
export function loadFile(
  file: ObjectFile,
  path: string,
  loader: Asking | null,
):
  | { readonly kind: 'loaded'; readonly loaded: Loaded }
  | { readonly kind: 'failed'; readonly failure: LoadFailure } {
  switch (file.kind) {
    case 'object': {
      const { object, real, missingBytes } = file;
      // Of a program the kernel tells where it lies; a library is where it was found.
      const place = loader === null ? real : path;
      const origin = place.slice(0, Math.max(0, place.lastIndexOf('/')));
      const { rpath, runpath } = object;
      const asking = { origin, rpath, runpath, loader };
      return { kind: 'loaded', loaded: { path, real, object, missingBytes, asking } };
    }
    case 'foreign':
    case 'refused':
      return failed('file', path, `${path}: ${file.reason}`);
    case 'kills':
      return failed('kills', path, file.reason);
    case 'damaged':
      return failed('damaged', path, file.reason);
  }
}

/**
 * Loads what a file needs, and what that needs, breadth first, as _dl_map_object_deps does (glibc,
 * elf/dl-deps.c). What is there already is found by the name asked, by its SONAME, or as the same file.
 */
export function loadGraph(first: Loaded, { files, paths, names: present }: Loading): Graph {
  const names = new Map(present);
  const byFile = new Map([...present.values()].map((loaded) => [loaded.real, loaded]));
  const scope: Loaded[] = [first];
  const inScope = new Set<Loaded>([first]);
  byFile.set(first.real, first);
  for (let at = 0; at < scope.length && at < MAX_OBJECTS; at++) {
    const here = scope[at];
    if (here === undefined) break;
    for (const name of here.object.needed) {
      let loaded = names.get(name);
      if (loaded === undefined) {
        const found = findLibrary(files, paths, name, here.asking);
        if (found.kind === 'missing') return failed('missing', name, `${name}: ${found.reason}`);
        loaded = byFile.get(found.file.real);
        if (loaded === undefined) {
          const made = loadFile(found.file, found.path, here.asking);
          if (made.kind === 'failed') return made;
          loaded = made.loaded;
          byFile.set(loaded.real, loaded);
          const { soname } = loaded.object;
          if (soname !== null && !names.has(soname)) names.set(soname, loaded);
        }
        names.set(name, loaded);
      }
      if (inScope.has(loaded)) continue;
      inScope.add(loaded);
      scope.push(loaded);
    }
  }
  return { kind: 'loaded', scope, names };
}

function failed(
  kind: LoadFailure['kind'],
  name: string,
  text: string,
): { kind: 'failed'; failure: LoadFailure } {
  return { kind: 'failed', failure: { kind, name, text } };
}
