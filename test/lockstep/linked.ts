import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { RootedTree } from '../../cli/file-tree.js';
import { readProgram } from '../../core/elf/index.js';
import { objectFile } from '../../core/link/index.js';
import {
  judgeModules,
  type LockstepVerdict,
  openLockstepHost,
  type System,
  systemOf,
} from '../../core/lockstep/index.js';
import { startFacts } from '../../core/lockstep/linked/index.js';
import { complaintOf, objectsOf } from '../support/dynamic-linker.js';
import { type Answer, ask } from './chroot.js';
import type { Pair, Planned } from './pair.js';
import { stageAs } from './stage.js';
import type { Suite } from './suites.js';

const LINKER = '/lib64/ld-linux-x86-64.so.2';
const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
/** Programs of another release that are started in a root, evenly taken from all. */
const STRANGERS = 60;

/** Programs of each suite started in the root of each: the linker says what they lack. */
export function strangerPairs(suites: readonly Suite[]): readonly Planned[] {
  return suites.flatMap((home) => {
    const system = systemOf(new RootedTree(home.root));
    return suites.flatMap((from) =>
      evenly(programsOf(from), STRANGERS).map((file) => () => {
        const path = stageAs(home.root, `programs/${from.key}`, file, basename(file));
        const host = openLockstepHost(system, path);
        if (host === null) return [];
        const pair: Pair = {
          group: `programs in ${home.name}`,
          module: `${from.name}/${basename(file)}`,
          verdict: host.start,
          // The linker's rules themselves: see core/link.
          facts: () => null,
          ask: () => trace(home.root, path, null),
          compare: (answer) => compareStart(host.start, answer),
        };
        return [pair];
      }),
    );
  });
}

/** Libraries that have to fit their programs: Xen's and libnbd. */
const FAMILIES = [
  { name: 'xen', library: /^lib(?:xen|xlutil).*\.so\./ },
  { name: 'nbd', library: /^libnbd\.so\./ },
];

/**
 * Callers of each suite with each library of each: under its own name, and under the name that the caller
 * asks for, as a wrong link makes it. All in the root of the newest suite.
 */
export function familyPairs(suites: readonly Suite[]): readonly Planned[] {
  const home = suites.at(-1);
  if (home === undefined) return [];
  const system = systemOf(new RootedTree(home.root));
  return FAMILIES.flatMap((family) =>
    suites.flatMap((from) =>
      callersOf(from, family.library).flatMap((caller) =>
        suites.map((other) => () => libraryPairs(system, home, { family, from, caller, other })),
      ),
    ),
  );
}

interface Case {
  readonly family: (typeof FAMILIES)[number];
  readonly from: Suite;
  readonly caller: { readonly file: string; readonly needed: readonly string[] };
  readonly other: Suite;
}

function libraryPairs(
  system: System,
  home: Suite,
  { family, from, caller, other }: Case,
): readonly Pair[] {
  const { file, needed } = caller;
  const program = stageAs(home.root, `callers/${from.key}`, file, basename(file));
  const host = openLockstepHost(system, program, 'linked');
  if (host === null) return [];
  const wanted = needed.filter((name) => family.library.test(name));
  return wanted.flatMap((name) =>
    (['own', 'asked'] as const).flatMap((naming) => {
      const found = stageFamily(home, family, other, naming === 'asked' ? from : null);
      const library = found.get(stem(name));
      if (library === undefined || (naming === 'asked' && other === from)) return [];
      const [verdict] = judgeModules(host, [library]);
      if (verdict === undefined) return [];
      const folder = library.slice(0, library.lastIndexOf('/'));
      const pair: Pair = {
        group: `lib${family.name} of ${other.name} by ${naming} name`,
        module: `${from.name}/${basename(file)} ${basename(library)}`,
        verdict,
        facts: () => ({
          kind: 'linked',
          side: 'program',
          facts: factsOf(system, program, library),
        }),
        ask: () => trace(home.root, program, folder),
        compare: (answer) => compareLibrary(verdict, answer, library),
      };
      return [pair];
    }),
  );
}

function factsOf(system: System, program: string, library: string) {
  const [one, other] = [system.files.at(program), system.files.at(library)];
  if (one === null || other === null) throw new Error(`${program} or ${library} is gone`);
  return startFacts(system, { path: program, file: one }, { path: library, file: other });
}

/** A folder with the family's libraries; `asAskedBy` has them under the names that they have in that suite. */
function stageFamily(
  home: Suite,
  { name, library }: Case['family'],
  suite: Suite,
  asAskedBy: Suite | null,
): ReadonlyMap<string, string> {
  const folder = `lib-${name}/${suite.key}${asAskedBy === null ? '' : `-as-${asAskedBy.key}`}`;
  const names = new Map(
    (asAskedBy === null ? [] : libraries(asAskedBy, library)).map((one) => [
      stem(one.soname),
      one.soname,
    ]),
  );
  return new Map(
    libraries(suite, library).map(({ soname, file }) => [
      stem(soname),
      stageAs(home.root, folder, file, names.get(stem(soname)) ?? soname),
    ]),
  );
}

function libraries({ root }: Suite, wanted: RegExp) {
  const tree = new RootedTree(root);
  return readdirSync(join(root, LIBRARIES))
    .filter((name) => wanted.test(name))
    .flatMap((name) => {
      const real = tree.real(`${LIBRARIES}/${name}`);
      const file = real === null ? null : objectFile(real, tree.read(real));
      if (real === null || file?.kind !== 'object' || file.object.soname !== name) return [];
      return [{ soname: name, file: tree.onDisk(real) }];
    });
}

function stem(name: string): string {
  return name.replace(/\.so\..*$/, '');
}

/** Programs and libraries that need one of the family. */
function callersOf(suite: Suite, wanted: RegExp) {
  const places = ['/usr/bin', '/usr/sbin', LIBRARIES, `${LIBRARIES}/nbdkit/plugins`];
  const xen = join(suite.root, '/usr/lib');
  const own = readdirSync(xen)
    .filter((name) => name.startsWith('xen-'))
    .map((name) => `/usr/lib/${name}/bin`);
  return [...places, ...own].flatMap((place) =>
    filesIn(join(suite.root, place)).flatMap((file) => {
      const object = objectAt(file);
      if (object === null || !object.needed.some((name) => wanted.test(name))) return [];
      return [{ file, needed: object.needed }];
    }),
  );
}

function objectAt(file: string) {
  const bytes = readFileSync(file);
  if (bytes.length < 64 || bytes.readUInt32LE(0) !== 0x464c457f) return null;
  const opened = objectFile(file, bytes);
  return opened.kind === 'object' ? opened.object : null;
}

function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .filter((file) => lstatSync(file).isFile());
}

function programsOf({ root }: Suite): readonly string[] {
  return ['/usr/bin', '/usr/sbin'].flatMap((place) =>
    filesIn(join(root, place)).filter((file) => {
      const bytes = readFileSync(file);
      if (bytes.length < 64 || bytes.readUInt32LE(0) !== 0x464c457f) return false;
      return bytes.includes('ld-linux-x86-64') && readProgram(bytes).segments.length > 0;
    }),
  );
}

function evenly<T>(all: readonly T[], count: number): readonly T[] {
  const step = Math.max(1, Math.floor(all.length / count));
  return all.filter((_, index) => index % step === 0).slice(0, count);
}

/** What the linker itself says, with everything bound, without running anything of the program. */
function trace(root: string, program: string, folder: string | null): Promise<Answer> {
  const paths = folder === null ? {} : { LD_LIBRARY_PATH: folder };
  const settings = { LD_TRACE_LOADED_OBJECTS: '1', LD_BIND_NOW: '1', LD_WARN: '1', ...paths };
  return ask(root, [LINKER, program], settings);
}

function compareStart({ outcome, says }: LockstepVerdict, { text }: Answer): string | null {
  const complaint = complaintOf(text);
  if (outcome === 'accepted') return complaint === null ? null : `it complains: ${complaint}`;
  return says === complaint ? null : `foretold ${says}, it says ${complaint}`;
}

function compareLibrary(verdict: LockstepVerdict, answer: Answer, library: string): string | null {
  const isLoaded = objectsOf(answer.text).includes(library);
  switch (verdict.outcome) {
    case 'accepted':
    case 'not-proven':
      return isLoaded
        ? compareStart({ ...verdict, outcome: 'accepted' }, answer)
        : 'it was not loaded';
    default:
      // Another library of that name was taken.
      if (verdict.reason === 'link-other-name' && verdict.says === null) {
        return isLoaded ? 'it was loaded' : null;
      }
      return compareStart(verdict, answer);
  }
}
