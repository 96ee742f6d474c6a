import { basename, join } from 'node:path';
import type { BuildId } from '../abi/ids.js';
import { XspliceError } from '../findings/index.js';
import { entriesOf } from './entries.js';
import { realPath, statOrNull } from './path.js';

/** A folder called by the build-id of the hypervisor that its payloads are for, as XenServer's packages have them. */
const ID_FOLDER = /^[0-9a-f]{32,64}$/;
const SUFFIX = '.livepatch';
/** Ours: folders that one tree is looked through for; XenServer's has five. */
const MAX_FOLDERS = 1024;

/**
 * The payloads that a tree such as XenServer's (/usr/lib/xen-livepatch/BUILD-ID/) has for this hypervisor, without
 * the links to others of them. Null where the path is no such tree: one holds folders named by build-ids, and
 * no payloads itself. Fails with `source-no-payloads` where it has none for this one.
 */
export async function payloadTree(
  path: string,
  hypervisor: () => Promise<BuildId | null>,
): Promise<readonly string[] | null> {
  const ids = idFoldersIn(path);
  return ids === null ? null : ofHypervisor(path, ids, hypervisor);
}

function idFoldersIn(path: string): readonly string[] | null {
  if (statOrNull(path)?.isDirectory() !== true) return null;
  const names = entriesOf(path).map(({ name }) => name);
  if (names.some((name) => name.endsWith(SUFFIX))) return null;
  const ids = names.filter((name) => ID_FOLDER.test(name)).slice(0, MAX_FOLDERS);
  return ids.length === 0 ? null : ids;
}

async function ofHypervisor(
  path: string,
  ids: readonly string[],
  hypervisor: () => Promise<BuildId | null>,
): Promise<readonly string[]> {
  const id = await hypervisor();
  const folder = join(path, id ?? '');
  const files = id !== null && ids.includes(id) ? payloadsIn(folder) : [];
  if (files.length > 0) return files;
  throw new XspliceError(
    'source-no-payloads',
    `${path} has payloads for the hypervisors ${ids.join(', ')}, and none for this one: ${id ?? 'it has no build-id'}`,
  );
}

function payloadsIn(folder: string): readonly string[] {
  const names = entriesOf(folder)
    .map(({ name }) => name)
    .filter((name) => name.endsWith(SUFFIX));
  // A link leads to one beside it, whose name says more.
  const own = names.filter((name) => {
    const real = realPath(join(folder, name));
    return basename(real) === name || !names.includes(basename(real));
  });
  return own.map((name) => join(folder, name));
}
