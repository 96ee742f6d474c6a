import {
  type LinkFailure,
  type Loaded,
  type ObjectFile,
  openLibrary,
  type Process,
  withGlobal,
} from '../../link/index.js';
import { verdictOfFailure } from '../linker.js';
import { ACCEPTED, type LockstepVerdict, undecided, verdict } from '../verdict.js';
import type { QemuHost } from './host.js';
import { qemuModuleOf } from './module.js';
import { dependenciesOf, isDependency, rulesOf } from './rules.js';

/** A program of QEMU that has started, and where it looks for modules. */
export interface QemuProcess {
  readonly host: QemuHost;
  readonly process: Process;
}

/** What becomes of a module and of those before it. */
interface Loading {
  readonly verdict: LockstepVerdict;
  readonly process: Process;
}

const SUFFIX = '.so';

/**
 * What this QEMU does when it loads the module of that file. Modules that it needs come from the file's own
 * folder, then from `folders`. The steps are those of module_load (util/module.c): target, dependencies, the
 * dynamic linker, the stamp.
 */
export function judgeQemuModule(
  { host, process }: QemuProcess,
  path: string,
  folders: readonly string[],
): LockstepVerdict {
  const at = path.lastIndexOf('/');
  const search = [path.slice(0, at), ...folders];
  const name = moduleName(path);
  if (name === null) return undecided('a module of QEMU is called NAME.so');
  return load(host, process, { name, search, path, before: [] }).verdict;
}

/** The name that QEMU has for the file; null where it is not called as a module is. */
export function moduleName(path: string): string | null {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file.endsWith(SUFFIX) && file !== SUFFIX ? file.slice(0, -SUFFIX.length) : null;
}

interface Wanted {
  readonly name: string;
  readonly search: readonly string[];
  /** The file itself, of the module that is asked about; null for those before it. */
  readonly path: string | null;
  /** Modules that wait for this one. */
  readonly before: readonly string[];
}

function load(host: QemuHost, process: Process, wanted: Wanted): Loading {
  const { name, search, before } = wanted;
  const rules = rulesOf(host);
  const info = host.modules?.find((one) => one.name === name);
  if (info?.arch != null && info.arch !== host.target) {
    if (host.target === null) {
      return {
        verdict: undecided(`it is for ${info.arch}, and the target of the host is not known`),
        process,
      };
    }
    return { verdict: otherTarget(host.target, info.arch, host.hasModuleLoad), process };
  }
  let here = process;
  for (const dependency of dependenciesOf(host, name)) {
    if (before.includes(dependency)) continue;
    const done = load(host, here, {
      name: dependency,
      search,
      path: null,
      before: [...before, name],
    });
    here = done.process;
    if (rules.dependenciesBind && done.verdict.outcome !== 'accepted') {
      return { verdict: done.verdict, process: here };
    }
  }
  const path = wanted.path ?? pathIn(process, search, name);
  if (path === null) return { verdict: dependencyMissing(name, before.at(-1)), process: here };
  return open(host, here, path, name);
}

function open(host: QemuHost, process: Process, path: string, name: string): Loading {
  const rules = rulesOf(host);
  const file = process.files.at(path);
  if (file === null) return { verdict: undecided(`${path} is not there`), process };
  if (file.kind === 'foreign' && !file.is32Bit) {
    const says = rules.notOpened(`${path}: ${file.reason}`);
    return { verdict: { ...fileRefused(path), says }, process };
  }
  const opened = openLibrary(process, file, path);
  if (opened.kind === 'failed') {
    const failed = verdictOfFailure(opened.failure);
    const says = failed.says === null ? null : rules.notOpened(failed.says);
    const reason = isForOtherProgram(host, file, opened.failure, { path, name })
      ? 'qemu-other-program'
      : failed.reason;
    return { verdict: { ...failed, reason, says }, process };
  }
  const after = isDependency(host, name) ? withGlobal(process, opened) : process;
  const refusal = refusalForStamp(host, path, opened.scope);
  return { verdict: refusal ?? ACCEPTED, process: after };
}

/** dlsym looks in the module and in the libraries that it loads. */
function refusalForStamp(
  host: QemuHost,
  path: string,
  scope: readonly Loaded[],
): LockstepVerdict | null {
  if (scope.some(({ object }) => object.definitions.has(host.stamp))) return null;
  const rules = rulesOf(host);
  const [module] = scope;
  const facts = scope.map(({ object }) => qemuModuleOf(object));
  const isModule = facts.some((one) => one.isModule);
  const stamps = facts.flatMap((one) => one.stamps);
  const first = rules.notInitialized(path);
  const detail = {
    by: 'host',
    says: isModule ? `${first}\n${rules.otherBuild}` : first,
    expected: host.stamp,
    actual: stamps.join(', ') || 'no stamp',
  } as const;
  const registers = module !== undefined && facts[0]?.hasConstructors === true;
  if (rules.abortsAfterRefusal && registers) {
    return verdict('fatal', 'qemu-next-load-aborts', detail);
  }
  return verdict('refused', isModule ? 'qemu-other-build' : 'qemu-no-module', detail);
}

/**
 * A module of the same build that lacks a symbol which it has of no library, and that the host does not load
 * for itself: it is not in the host's list, or the host is a tool, which opens nothing but block drivers.
 */
function isForOtherProgram(
  host: QemuHost,
  file: ObjectFile,
  failure: LinkFailure,
  { path, name }: { readonly path: string; readonly name: string },
): boolean {
  if (failure.kind !== 'symbol' || failure.wanted !== null || failure.requiredBy !== path) {
    return false;
  }
  if (file.kind !== 'object' || !file.object.definitions.has(host.stamp)) return false;
  const isTool = host.target === null;
  if (isTool) return !name.startsWith('block-');
  return host.modules !== null && !host.modules.some((info) => info.name === name);
}

function fileRefused(path: string): LockstepVerdict {
  return verdict('refused', 'link-file-refused', {
    by: 'linker',
    expected: 'a library for x86-64',
    actual: `${path} is for another machine`,
  });
}

function otherTarget(target: string, arch: string, says: boolean): LockstepVerdict {
  return verdict('refused', 'qemu-other-target', {
    by: 'host',
    // Before 7.2 it is passed over in silence.
    says: says ? `module arch does not match: expected '${target}', got '${arch}'` : null,
    expected: target,
    actual: arch,
  });
}

function dependencyMissing(name: string, neededBy: string | undefined): LockstepVerdict {
  return verdict('refused', 'qemu-dependency-missing', {
    by: 'host',
    expected: `the module ${name}, which ${neededBy ?? 'it'} builds on`,
    actual: 'no such file in the folders that are searched',
  });
}

function pathIn(process: Process, search: readonly string[], name: string): string | null {
  return (
    search
      .map((folder) => `${folder}/${name}${SUFFIX}`)
      .find((path) => process.files.at(path) !== null) ?? null
  );
}
