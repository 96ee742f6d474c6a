import type { FileTree, ObjectFile, ObjectFiles } from './files.js';

/** Where Debian's glibc looks behind all else; other systems keep theirs in lib64. */
const DEFAULT_FOLDERS = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
];
/** Ours: configuration files that include each other without end are read up to here. */
const MAX_CONFIGURATION_FILES = 64;

/** Who asks for a library: its search paths count, and those of who loaded it. */
export interface Asking {
  /** The directory of the file, for $ORIGIN. */
  readonly origin: string;
  readonly rpath: string | null;
  readonly runpath: string | null;
  /** Who had it loaded; null for the program. */
  readonly loader: Asking | null;
}

export interface SearchPaths {
  /** LD_LIBRARY_PATH, as the process has it. */
  readonly libraryPath: readonly string[];
  /** Of ld.so.conf, then the default ones. ld.so.cache is taken to be what they make it. */
  readonly folders: readonly string[];
}

/** What a search ended with: `path` is how ld.so names the file, whatever links it leads through. */
export type Found =
  | { readonly kind: 'found'; readonly path: string; readonly file: ObjectFile }
  | { readonly kind: 'missing'; readonly reason: string };

/** The search paths of a tree, with ld.so.conf read. */
export function searchPaths(tree: FileTree, libraryPath: readonly string[] = []): SearchPaths {
  return { libraryPath, folders: [...new Set([...configured(tree), ...DEFAULT_FOLDERS])] };
}

/**
 * The library of that name, as _dl_map_object searches (glibc, elf/dl-load.c): DT_RPATH of who asks and of
 * who loaded it, where it has no DT_RUNPATH; LD_LIBRARY_PATH; its DT_RUNPATH; the system's folders. A name
 * with a slash is a path. What is for another machine or class is passed over.
 */
export function findLibrary(
  files: ObjectFiles,
  paths: SearchPaths,
  name: string,
  asking: Asking,
): Found {
  const candidates = name.includes('/')
    ? [name]
    : [
        ...rpaths(asking),
        ...paths.libraryPath,
        ...split(asking.runpath, asking.origin),
        ...paths.folders,
      ].map((folder) => `${folder}/${name}`);
  let was32Bit = false;
  for (const path of candidates) {
    const file = files.at(path);
    if (file === null) continue;
    if (file.kind !== 'foreign') return { kind: 'found', path, file };
    was32Bit ||= file.is32Bit;
  }
  const reason = was32Bit
    ? 'wrong ELF class: ELFCLASS32'
    : 'cannot open shared object file: No such file or directory';
  return { kind: 'missing', reason };
}

function rpaths(asking: Asking): readonly string[] {
  if (asking.runpath !== null) return [];
  const folders: string[] = [];
  for (let here: Asking | null = asking; here !== null; here = here.loader) {
    if (here.runpath === null) folders.push(...split(here.rpath, here.origin));
  }
  return folders;
}

function split(path: string | null, origin: string): readonly string[] {
  return (path ?? '')
    .split(':')
    .filter((folder) => folder !== '')
    .map((folder) => folder.replaceAll(/\$(?:ORIGIN|\{ORIGIN\})/g, origin))
    .map((folder) => folder.replaceAll(/\$(?:LIB|\{LIB\})/g, 'lib/x86_64-linux-gnu'));
}

function configured(tree: FileTree): readonly string[] {
  const folders: string[] = [];
  const waiting = ['/etc/ld.so.conf'];
  for (let turn = 0; turn < MAX_CONFIGURATION_FILES && waiting.length > 0; turn++) {
    const real = tree.real(waiting.shift() ?? '');
    if (real === null) continue;
    for (const line of Buffer.from(tree.read(real)).toString('latin1').split('\n')) {
      const text = line.replace(/#.*/, '').trim();
      const included = /^include\s+(\S+)$/.exec(text)?.[1];
      if (included !== undefined) waiting.push(...filesIncluded(tree, included));
      else if (text.startsWith('/')) folders.push(text);
    }
  }
  return folders;
}

/** What `include DIR/*.conf` names, in the order of the names. */
function filesIncluded(tree: FileTree, pattern: string): readonly string[] {
  const path = pattern.startsWith('/') ? pattern : `/etc/${pattern}`;
  const at = path.lastIndexOf('/');
  const [folder, last] = [path.slice(0, at), path.slice(at + 1)];
  if (!last.startsWith('*')) return [path];
  const names = tree.list(folder).filter((name) => name.endsWith(last.slice(1)));
  return [...names].sort().map((name) => `${folder}/${name}`);
}
