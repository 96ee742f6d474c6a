import { ElfError, readProgram } from '../../elf/index.js';
import { type FileTree, type LinkFailure, openLibrary, type Process } from '../../link/index.js';
import { olderOf } from '../age.js';
import { verdictOfFailure } from '../linker.js';
import { ACCEPTED, type LockstepVerdict, undecided, verdict } from '../verdict.js';
import type { NbdkitHost } from './host.js';
import {
  type EntryFacts,
  type FilterFacts,
  type PluginFacts,
  type Role,
  readEntry,
} from './module.js';
import {
  FILTER_API,
  HIGHEST_PLUGIN_API,
  LATER_CALLBACKS,
  notOpened,
  REQUIRED,
  structSize,
} from './rules.js';

/** What the dynamic linker does with a module, and what its entry function gives. */
export type NbdkitFacts =
  | { readonly kind: 'not-opened'; readonly failure: LinkFailure }
  | EntryFacts;

/** What nbdkit does when it is started with that filter or plugin. */
export function judgeNbdkitModule(
  { host, process }: { readonly host: NbdkitHost; readonly process: Process },
  path: string,
  tree: FileTree,
): LockstepVerdict {
  const { role, facts } = nbdkitFacts(process, path, tree);
  return answerNbdkit(host, path, role, facts);
}

export function nbdkitFacts(
  process: Process,
  path: string,
  tree: FileTree,
): { readonly role: Role; readonly facts: NbdkitFacts } {
  const file = process.files.at(path);
  const named = roleByName(path);
  if (file === null) {
    return { role: named ?? 'plugin', facts: { kind: 'lost', why: `${path} is not there` } };
  }
  const opened = openLibrary(process, file, path);
  if (opened.kind === 'failed') {
    return { role: named ?? 'plugin', facts: { kind: 'not-opened', failure: opened.failure } };
  }
  const isFilter = opened.scope[0]?.object.definitions.has('filter_init') === true;
  const role = named ?? (isFilter ? 'filter' : 'plugin');
  return { role, facts: entryOf(tree, file.real, role) };
}

/**
 * The dynamic linker first, then the checks of filter_register (server/filters.c) or plugin_register
 * (server/plugins.c) in their order. What a module's own `load` does then is not foretold.
 */
export function answerNbdkit(
  host: NbdkitHost,
  path: string,
  role: Role,
  facts: NbdkitFacts,
): LockstepVerdict {
  if (facts.kind === 'not-opened') {
    const failed = verdictOfFailure(facts.failure);
    const says = failed.says === null ? null : notOpened(host, role, path, failed.says);
    return { ...failed, says };
  }
  const answer = judgeEntry(host, facts, role);
  const says = answer.reason === 'nbdkit-no-entry' ? noEntry(path, role) : answer.says;
  return { ...answer, says: says === null ? null : `nbdkit: ${path}: ${says}` };
}

/** dlsym's own words. */
function noEntry(path: string, role: Role): string {
  return `${path}: undefined symbol: ${role}_init`;
}

/** Folders of filters and of plugins, as far as they are there. */
export function nbdkitFolders({ folders }: NbdkitHost, tree: FileTree): readonly string[] {
  return folders.filter((folder) => tree.list(folder).some((name) => name.endsWith('.so')));
}

/** `nbdkit-cow-filter.so` is a filter; null of a file that is called otherwise. */
function roleByName(path: string): Role | null {
  const found = /-(filter|plugin)\.so$/.exec(path)?.[1];
  return found === 'filter' || found === 'plugin' ? found : null;
}

function entryOf(tree: FileTree, real: string, role: Role): EntryFacts {
  try {
    return readEntry(readProgram(tree.read(real)), role);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { kind: 'lost', why: error.message };
  }
}

function judgeEntry(host: NbdkitHost, facts: EntryFacts, role: Role): LockstepVerdict {
  switch (facts.kind) {
    case 'absent':
      return refused('nbdkit-no-entry', null, `${role}_init`, 'no such function');
    case 'null':
      return refused(
        'nbdkit-registration-failed',
        `${role} registration function failed`,
        'a structure',
        'NULL',
      );
    case 'lost':
      return undecided(facts.why);
    case 'filter':
      return judgeFilter(host, facts);
    case 'plugin':
      return judgePlugin(host, facts);
  }
}

function judgeFilter({ version }: NbdkitHost, facts: FilterFacts): LockstepVerdict {
  const incompatible = 'filter is incompatible with this version of nbdkit';
  if (facts.api !== FILTER_API) {
    const says = `${incompatible} (_api_version = ${facts.api}, need ${FILTER_API})`;
    return otherApi(says, String(FILTER_API), facts.api, facts.api > FILTER_API);
  }
  if (version === null) return undecided('the version of this nbdkit is not known');
  if (facts.version !== version) {
    const shown = facts.version ?? '<null>';
    return {
      ...refused(
        'nbdkit-other-version',
        `${incompatible} (_version = ${shown}, need ${version})`,
        version,
        facts.version ?? 'NULL',
      ),
      older: olderOf(version, facts.version),
    };
  }
  return nameRefusal('filter', facts) ?? ACCEPTED;
}

function judgePlugin(host: NbdkitHost, facts: PluginFacts): LockstepVerdict {
  const { api, slots, sizeBytes } = facts;
  if (api < 0 || api > HIGHEST_PLUGIN_API) {
    const says = `plugin is incompatible with this version of nbdkit (_api_version = ${api})`;
    return otherApi(says, `0 to ${HIGHEST_PLUGIN_API}`, api, api > HIGHEST_PLUGIN_API);
  }
  const size = structSize(host);
  const isSeen = (offset: number) => slots.has(offset) && (size === null || offset < size);
  for (const { name: callback, offsets } of REQUIRED) {
    if (offsets.some(isSeen)) continue;
    if (facts.hasConstructors) return undecided(`a constructor may fill in .${callback}`);
    const says = `plugin must have a .${callback} callback`;
    const actual = `none within its ${sizeBytes} bytes`;
    return refused('nbdkit-callback-missing', says, `a callback .${callback}`, actual);
  }
  const wrongName = nameRefusal('plugin', facts);
  if (wrongName !== null) return wrongName;
  const last = Math.max(...slots);
  if (size === null) {
    const isIn = last < 368;
    return isIn ? ACCEPTED : undecided('how much of its structure this nbdkit reads is not known');
  }
  if (last < size) return ACCEPTED;
  const lost = [...slots].filter((offset) => offset >= size);
  return verdict('accepted-with-loss', 'nbdkit-callbacks-unseen', {
    expected: `callbacks within ${size} bytes`,
    actual: lost.map((offset) => LATER_CALLBACKS.get(offset) ?? `one at ${offset}`).join(', '),
    older: 'host',
  });
}

/** What backend_load (server/backend.c) says of a name; null where it takes it. */
function nameRefusal(
  role: Role,
  { name, hasConstructors }: FilterFacts | PluginFacts,
): LockstepVerdict | null {
  const says = nameFault(role, name);
  if (says === null) return null;
  if (hasConstructors) return undecided('a constructor may fill in .name');
  return refused('nbdkit-bad-name', says, 'a name of letters, digits and dashes', name ?? 'NULL');
}

function nameFault(role: Role, name: string | null): string | null {
  if (name === null) return `${role} must have a .name field`;
  if (name === '') return `${role}.name field must not be empty`;
  const field = `${role}.name ('${name}') field must`;
  if (!/^[A-Za-z0-9]/.test(name)) return `${field} begin with an ASCII alphanumeric character`;
  if (/^[A-Za-z0-9-]*$/.test(name)) return null;
  return `${field} contain only ASCII alphanumeric or dash characters`;
}

function otherApi(says: string, expected: string, api: number, isLater: boolean): LockstepVerdict {
  const older = isLater ? 'host' : 'module';
  return { ...refused('nbdkit-other-api', says, expected, String(api)), older };
}

function refused(
  reason: Parameters<typeof verdict>[1],
  says: string | null,
  expected: string,
  actual: string,
): LockstepVerdict {
  return verdict('refused', reason, { by: 'host', says, expected, actual });
}
