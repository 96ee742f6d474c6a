import type { LinkFailure } from '../../link/index.js';
import { verdictOfFailure } from '../linker.js';
import { ACCEPTED, type LockstepVerdict, undecided, verdict } from '../verdict.js';
import type { QemuHost } from './host.js';
import type { QemuModule } from './module.js';
import { dependenciesOf, isDependency, rulesOf } from './rules.js';

/** What the dynamic linker does with one file, and what QEMU finds in it then. */
export type OpenedModule =
  | {
      readonly kind: 'opened';
      /** The module first, then the libraries that it loads: dlsym looks in all of them. */
      readonly scope: readonly QemuModule[];
    }
  | {
      readonly kind: 'failed';
      readonly failure: LinkFailure;
      /** It has the host's stamp all the same. */
      readonly isOfBuild: boolean;
    };

/** Opens modules one after the other in a process, as dlopen does. */
export interface ModuleOpener {
  /** Where the module of that name is found; null where it is in no folder that is searched. */
  find(name: string): string | null;
  /** `isGlobal`: what it defines is for all that come after it. */
  open(path: string, isGlobal: boolean): OpenedModule;
}

const SUFFIX = '.so';

/** The name that QEMU has for the file; null where it is not called as a module is. */
export function moduleName(path: string): string | null {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file.endsWith(SUFFIX) && file !== SUFFIX ? file.slice(0, -SUFFIX.length) : null;
}

/**
 * What this QEMU does when it loads the module of that file. The steps are those of module_load
 * (util/module.c): target, dependencies, the dynamic linker, the stamp.
 */
export function loadModule(host: QemuHost, path: string, opener: ModuleOpener): LockstepVerdict {
  const name = moduleName(path);
  if (name === null) return undecided('a module of QEMU is called NAME.so');
  return load(host, { name, path, before: [] }, opener);
}

interface Wanted {
  readonly name: string;
  /** The file itself, of the module that is asked about; null for those before it. */
  readonly path: string | null;
  /** Modules that wait for this one. */
  readonly before: readonly string[];
}

function load(host: QemuHost, wanted: Wanted, opener: ModuleOpener): LockstepVerdict {
  const { name, before } = wanted;
  const rules = rulesOf(host);
  const arch = host.modules?.find((one) => one.name === name)?.arch ?? null;
  if (arch !== null && arch !== host.target) return otherTarget(host, arch);
  for (const dependency of dependenciesOf(host, name)) {
    if (before.includes(dependency)) continue;
    const next = { name: dependency, path: null, before: [...before, name] };
    const answer = load(host, next, opener);
    if (rules.dependenciesBind && answer.outcome !== 'accepted') return answer;
  }
  const path = wanted.path ?? opener.find(name);
  if (path === null) return dependencyMissing(name, before.at(-1));
  const opened = opener.open(path, isDependency(host, name));
  if (opened.kind === 'opened') return refusalForStamp(host, path, opened.scope) ?? ACCEPTED;
  const failed = verdictOfFailure(opened.failure);
  const says = failed.says === null ? null : rules.notOpened(failed.says);
  const isForOthers = opened.isOfBuild && isForOtherProgram(host, opened.failure, { path, name });
  return { ...failed, says, reason: isForOthers ? 'qemu-other-program' : failed.reason };
}

function refusalForStamp(
  host: QemuHost,
  path: string,
  scope: readonly QemuModule[],
): LockstepVerdict | null {
  const stamps = scope.flatMap((one) => one.stamps);
  if (stamps.includes(host.stamp)) return null;
  const rules = rulesOf(host);
  const isModule = scope.some((one) => one.isModule);
  const first = rules.notInitialized(path);
  const detail = {
    by: 'host',
    says: isModule ? `${first}\n${rules.otherBuild}` : first,
    expected: host.stamp,
    actual: stamps.join(', ') || 'no stamp',
  } as const;
  if (rules.abortsAfterRefusal && scope[0]?.hasConstructors === true) {
    return verdict('fatal', 'qemu-next-load-aborts', detail);
  }
  return verdict('refused', isModule ? 'qemu-other-build' : 'qemu-no-module', detail);
}

/**
 * A module of the same build lacks a symbol which it has of no library, and the host does not load it for
 * itself: it is not in the host's list, or the host is a tool, which opens nothing but block drivers.
 */
function isForOtherProgram(
  host: QemuHost,
  failure: LinkFailure,
  { path, name }: { readonly path: string; readonly name: string },
): boolean {
  if (failure.kind !== 'symbol' || failure.wanted !== null || failure.requiredBy !== path) {
    return false;
  }
  if (host.target === null) return !name.startsWith('block-');
  return host.modules !== null && !host.modules.some((info) => info.name === name);
}

function otherTarget({ target, hasModuleLoad }: QemuHost, arch: string): LockstepVerdict {
  if (target === null) {
    return undecided(`it is for ${arch}, and the target of the host is not known`);
  }
  return verdict('refused', 'qemu-other-target', {
    by: 'host',
    // Before 7.2 it is passed over in silence.
    says: hasModuleLoad ? `module arch does not match: expected '${target}', got '${arch}'` : null,
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
