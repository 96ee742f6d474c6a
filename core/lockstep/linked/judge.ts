import { type Loaded, type ObjectFile, type Process, startProcess } from '../../link/index.js';
import { olderOf } from '../age.js';
import { verdictOfFailure } from '../linker.js';
import type { System } from '../system.js';
import { ACCEPTED, type LockstepVerdict, undecided, verdict } from '../verdict.js';
import { asksForShortExtents } from './libnbd.js';

/** A file, and the path that it is named by. */
export interface NamedFile {
  readonly path: string;
  readonly file: ObjectFile;
}

/** The program with all its libraries, or what the dynamic linker says. */
export function startProgram(
  { files, paths }: System,
  { file, path }: NamedFile,
): { readonly process: Process | null; readonly verdict: LockstepVerdict } {
  const started = startProcess(files, paths, file, path);
  if (started.kind === 'started') return { process: started.process, verdict: ACCEPTED };
  return { process: null, verdict: verdictOfFailure(started.failure) };
}

/**
 * Whether a program starts with that library: as if the library's folder stood in LD_LIBRARY_PATH. `host`
 * says which of the two is the host, for the question which side is the older.
 */
export function judgeLibrary(
  system: System,
  program: NamedFile,
  library: NamedFile,
  host: 'program' | 'library',
): LockstepVerdict {
  const folder = library.path.slice(0, library.path.lastIndexOf('/'));
  const paths = { ...system.paths, libraryPath: [folder] };
  if (library.file.kind !== 'object') return fileVerdict(library.file, library.path);
  const { soname } = library.file.object;
  const started = startProcess(system.files, paths, program.file, program.path);
  const lacking = host === 'program' ? 'module' : 'host';
  if (started.kind === 'failed') {
    const { failure } = started;
    const failed = verdictOfFailure(failure, lacking);
    if (failure.kind !== 'missing' || soname === null) return failed;
    if (stemOf(failure.name) !== stemOf(soname)) return failed;
    return { ...failed, ...otherName(failure.name, soname, host) };
  }
  const { global, names } = started.process;
  const loaded = global.find(({ real }) => real === library.file.real);
  if (loaded === undefined) return notLoaded(global, soname, host);
  const asked = [...names].filter(([, one]) => one === loaded).map(([name]) => name);
  const askers = global.filter(({ object }) => object.needed.some((name) => asked.includes(name)));
  const why = notProven(loaded, askers);
  if (why !== null) return verdict('not-proven', 'link-not-proven', why);
  return asksForShortExtents(program.file, library.file)
    ? verdict('accepted', 'libnbd-extents-32-bit', {
        expected: 'nbd_block_status_64',
        actual: 'nbd_block_status',
      })
    : ACCEPTED;
}

/** A file that cannot be a library at all. */
function fileVerdict(file: ObjectFile, path: string): LockstepVerdict {
  switch (file.kind) {
    case 'object':
      return ACCEPTED;
    case 'kills':
      return verdictOfFailure({ kind: 'kills', name: path, text: file.reason });
    case 'damaged':
      return verdictOfFailure({ kind: 'damaged', name: path, text: file.reason });
    case 'foreign':
    case 'refused':
      return verdictOfFailure({ kind: 'file', name: path, text: `${path}: ${file.reason}` });
  }
}

/** The program starts, with another file: the one that it asks for by name, or none of the kind. */
function notLoaded(
  global: readonly Loaded[],
  soname: string | null,
  host: 'program' | 'library',
): LockstepVerdict {
  const stem = stemOf(soname ?? '');
  const wanted = global
    .flatMap(({ object }) => object.needed)
    .find((name) => soname !== null && stemOf(name) === stem);
  if (wanted === undefined) return undecided('the program asks for no library of that name');
  const name = otherName(wanted, soname ?? '', host);
  return verdict('refused', 'link-other-name', { by: 'linker', ...name });
}

function otherName(wanted: string, soname: string, host: 'program' | 'library') {
  const [ofWanted, ofFound] = [releaseOf(wanted), releaseOf(soname)];
  const older = host === 'program' ? olderOf(ofWanted, ofFound) : olderOf(ofFound, ofWanted);
  return { expected: wanted, actual: soname, older };
}

/** Both values where only the names of symbols say that the library fits; null where its versions do. */
function notProven(
  library: Loaded,
  askers: readonly Loaded[],
): Pick<LockstepVerdict, 'expected' | 'actual'> | null {
  const { soname, versions, definitions } = library.object;
  for (const { path, object } of askers) {
    const name = object.needed.find((one) => one === soname);
    if (name === undefined) {
      const asked = object.needed.find((one) => library.path.endsWith(`/${one}`)) ?? library.path;
      return { expected: asked, actual: soname ?? 'no SONAME' };
    }
    if (!object.wants.some((want) => definitions.has(want.name))) continue;
    if (versions === null) return { expected: 'versions', actual: `${name} defines none` };
    const isVersioned = object.neededVersions.some(({ file }) => file === name);
    if (!isVersioned) return { expected: 'versions', actual: `${path} asks for none of ${name}` };
  }
  return null;
}

/** `libxenlight.so.4.17` without what follows its `.so`. */
function stemOf(name: string): string {
  const file = name.slice(name.lastIndexOf('/') + 1);
  return file.replace(/\.so(?:\..*)?$/, '');
}

function releaseOf(name: string): string | null {
  return /\.so\.(.+)$/.exec(name)?.[1] ?? null;
}
