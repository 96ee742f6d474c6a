import type { ObjectFile, ObjectFiles } from './files.js';
import { type Loaded, type LoadFailure, loadFile, loadGraph } from './graph.js';
import { defines } from './lookup.js';
import type { Want } from './object.js';
import { openWants } from './open-wants.js';
import type { SearchPaths } from './search.js';

/** Why the dynamic linker stops; what it prints is `text`, which may hold any bytes of the files. */
export type LinkFailure =
  | LoadFailure
  | {
      readonly kind: 'version';
      readonly text: string;
      /** The library that lacks it, as it was asked for. */
      readonly name: string;
      readonly wanted: string;
      /** What it defines instead. */
      readonly present: readonly string[];
      readonly requiredBy: string;
    }
  | {
      readonly kind: 'symbol';
      readonly text: string;
      readonly name: string;
      readonly wanted: string | null;
      readonly requiredBy: string;
    };

/** A process: its program, its libraries, and what has been opened for all. */
export interface Process {
  readonly files: ObjectFiles;
  readonly paths: SearchPaths;
  /** The program first. */
  readonly global: readonly Loaded[];
  readonly names: ReadonlyMap<string, Loaded>;
  /** What was looked up in `global` before. */
  readonly known: Map<string, boolean>;
}

export type Started =
  | { readonly kind: 'started'; readonly process: Process }
  | { readonly kind: 'failed'; readonly failure: LinkFailure };

export type DlOpened =
  | {
      readonly kind: 'opened';
      /** The file first, then what it needs, what the process had before included. */
      readonly scope: readonly Loaded[];
      readonly added: readonly Loaded[];
      readonly names: ReadonlyMap<string, Loaded>;
    }
  | { readonly kind: 'failed'; readonly failure: LinkFailure };

/** Starts a program with everything bound at once, as with LD_BIND_NOW. */
export function startProcess(
  files: ObjectFiles,
  paths: SearchPaths,
  program: ObjectFile,
  path: string,
): Started {
  const first = loadFile(program, path, null);
  if (first.kind === 'failed') return first;
  const { soname } = first.loaded.object;
  const names = new Map(soname === null ? [] : [[soname, first.loaded]]);
  const graph = loadGraph(first.loaded, { files, paths, names });
  if (graph.kind === 'failed') return graph;
  const known = new Map<string, boolean>();
  const { scope, names: found } = graph;
  const failure = missingVersion(scope, found) ?? missingSymbol(scope, found, null, known);
  if (failure !== null) return { kind: 'failed', failure };
  return {
    kind: 'started',
    process: { files, paths, global: graph.scope, names: graph.names, known },
  };
}

/**
 * Opens a library as dlopen does with RTLD_NOW. First the files are loaded, then versions compared, then
 * symbols looked up; the first failure is what is said.
 */
export function openLibrary(process: Process, library: ObjectFile, path: string): DlOpened {
  const [program] = process.global;
  const present = process.global.find(({ real }) => real === library.real);
  if (present !== undefined) {
    return { kind: 'opened', scope: [present], added: [], names: process.names };
  }
  const first = loadFile(library, path, program?.asking ?? null);
  if (first.kind === 'failed') return first;
  if (first.loaded.object.isProgram) {
    const text = `${path}: cannot dynamically load position-independent executable`;
    return { kind: 'failed', failure: { kind: 'file', name: path, text } };
  }
  const names = new Map(process.names);
  const { soname } = first.loaded.object;
  if (soname !== null && !names.has(soname)) names.set(soname, first.loaded);
  const graph = loadGraph(first.loaded, { ...process, names });
  if (graph.kind === 'failed') return graph;
  const before = new Set(process.global);
  const added = graph.scope.filter((loaded) => !before.has(loaded));
  const failure =
    missingVersion(added, graph.names) ?? missingSymbol(added, graph.names, process, new Map());
  if (failure !== null) return { kind: 'failed', failure };
  return { kind: 'opened', scope: graph.scope, added, names: graph.names };
}

/** The process once a library was opened with RTLD_GLOBAL. */
export function withGlobal(
  process: Process,
  opened: Extract<DlOpened, { kind: 'opened' }>,
): Process {
  const global = [...process.global, ...opened.added];
  return { ...process, global, names: opened.names, known: new Map() };
}

/** _dl_check_map_versions (glibc, elf/dl-version.c). A library that defines none at all gets a warning only. */
function missingVersion(
  objects: readonly Loaded[],
  names: ReadonlyMap<string, Loaded>,
): LinkFailure | null {
  for (const { path, object } of objects) {
    for (const { file, versions } of object.neededVersions) {
      const library = names.get(file);
      const present = library?.object.versions ?? null;
      if (library === undefined || present === null) continue;
      const wanted = versions.find(({ name, isWeak }) => !isWeak && !present.includes(name))?.name;
      if (wanted === undefined) continue;
      const text = `${library.path}: version \`${wanted}' not found (required by ${path})`;
      return { kind: 'version', text, name: file, wanted, present, requiredBy: path };
    }
  }
  return null;
}

/**
 * The first want of the new files that neither the process nor they define: files are relocated in the opposite order
 * of loading.
 */
function missingSymbol(
  added: readonly Loaded[],
  names: ReadonlyMap<string, Loaded>,
  before: Pick<Process, 'global' | 'known'> | null,
  own: Map<string, boolean>,
): LinkFailure | null {
  for (const loaded of [...added].reverse()) {
    const want = openWants(loaded, names).find(
      (one) =>
        !(before !== null && isDefined(one, loaded, before.global, before.known)) &&
        !isDefined(one, loaded, added, own),
    );
    if (want === undefined) continue;
    const { name, version } = want;
    const text = `${loaded.path}: undefined symbol: ${name}${version === null ? '' : `, version ${version}`}`;
    return { kind: 'symbol', text, name, wanted: version, requiredBy: loaded.path };
  }
  return null;
}

/** Whether something in a scope defines it. Who wanted the same of it before is answered from memory. */
function isDefined(
  want: Want,
  by: Loaded,
  scope: readonly Loaded[],
  known: Map<string, boolean>,
): boolean {
  if (want.isCopy) return scope.some((one) => one !== by && defines(one.object, want));
  const key = want.version === null ? want.name : `${want.name}@${want.version}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const found = scope.some(({ object }) => defines(object, want));
  known.set(key, found);
  return found;
}
