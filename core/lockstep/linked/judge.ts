import {
  type LinkFailure,
  type Loaded,
  type ObjectFile,
  type Process,
  startProcess,
} from '../../link/index.js';
import { verdictOfFailure } from '../linker.js';
import type { System } from '../system.js';
import { ACCEPTED, type LockstepVerdict, undecided } from '../verdict.js';
import { answerStart, type LinkedSide, type StartFacts, stemOf } from './answer.js';
import { asksForShortExtents } from './libnbd.js';

/** What is expected of two files of which one has no versions of symbols. */
export const UNVERSIONED = 'versions';

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
  if (file.kind === 'foreign') {
    const bits = file.is32Bit ? 'of 32 bits' : 'for another machine';
    return { process: null, verdict: undecided(`it is ${bits}; only x86-64 is judged`) };
  }
  const started = startProcess(files, paths, file, path);
  if (started.kind === 'started') return { process: started.process, verdict: ACCEPTED };
  return { process: null, verdict: verdictOfFailure(started.failure) };
}

/** Whether a program starts with that library; `host` says which of the two the question is about. */
export function judgeLibrary(
  system: System,
  program: NamedFile,
  library: NamedFile,
  host: LinkedSide,
): LockstepVerdict {
  return answerStart(startFacts(system, program, library), host);
}

/** What happens as if the library's folder stood in LD_LIBRARY_PATH. */
export function startFacts(
  system: System,
  program: NamedFile,
  { file, path }: NamedFile,
): StartFacts {
  const folder = path.slice(0, path.lastIndexOf('/'));
  const paths = { ...system.paths, libraryPath: [folder] };
  if (file.kind !== 'object') return { kind: 'bad-library', failure: failureOf(file, path) };
  const { soname } = file.object;
  const started = startProcess(system.files, paths, program.file, program.path);
  if (started.kind === 'failed') return { kind: 'failed', failure: started.failure, soname };
  const { global } = started.process;
  const loaded = global.find(({ real }) => real === file.real);
  if (loaded === undefined) return { kind: 'other', wanted: likeIt(global, soname), soname };
  return fitOf(started.process, loaded);
}

/** What there is to say of a library that a started program has loaded. */
export function fitOf({ global, names }: Process, library: Loaded): StartFacts {
  const asked = [...names].filter(([, one]) => one === library).map(([name]) => name);
  const askers = global.filter(({ object }) => object.needed.some((name) => asked.includes(name)));
  const [program] = global;
  const asksShort = program !== undefined && asksForShortExtents(program.object, library.object);
  return { kind: 'loaded', notProven: notProven(library, askers), asksShort };
}

/** Of a file that cannot be a library at all. */
function failureOf(file: Exclude<ObjectFile, { kind: 'object' }>, path: string): LinkFailure {
  const { kind, reason } = file;
  if (kind === 'kills' || kind === 'damaged') return { kind, name: path, text: reason };
  return { kind: 'file', name: path, text: `${path}: ${reason}` };
}

/** The name of a library that is asked for, of the same stem. */
function likeIt(global: readonly Loaded[], soname: string | null): string | null {
  if (soname === null) return null;
  const needed = global.flatMap(({ object }) => object.needed);
  return needed.find((name) => stemOf(name) === stemOf(soname)) ?? null;
}

/** Both values where only the names of symbols say that the library fits; null where its versions do. */
function notProven(
  library: Loaded,
  askers: readonly Loaded[],
): { readonly expected: string; readonly actual: string } | null {
  const { soname, versions, definitions } = library.object;
  for (const { path, object } of askers) {
    const name = object.needed.find((one) => one === soname);
    if (name === undefined) {
      const asked = object.needed.find((one) => library.path.endsWith(`/${one}`)) ?? library.path;
      return { expected: asked, actual: soname ?? 'no SONAME' };
    }
    if (!object.wants.some((want) => definitions.has(want.name))) continue;
    if (versions === null) return { expected: UNVERSIONED, actual: `${name} defines none` };
    const isVersioned = object.neededVersions.some(({ file }) => file === name);
    if (!isVersioned) return { expected: UNVERSIONED, actual: `${path} asks for none of ${name}` };
  }
  return null;
}
