import type { FileTree } from '../../link/index.js';
import type { QemuHost } from './host.js';

/**
 * Where this QEMU looks for modules, as far as there are such folders in the tree: the configured one, then
 * where packages keep those of the version before. QEMU_MODULE_DIR, which comes first, is the caller's.
 */
export function moduleFolders(
  { folders, packageVersion }: QemuHost,
  tree: FileTree,
): readonly string[] {
  const kept =
    packageVersion === null
      ? []
      : [`/var/run/qemu/${packageVersion.replaceAll(/[^A-Za-z0-9+.~-]/g, '_')}`];
  return [...folders, ...kept].filter((folder) =>
    tree.list(folder).some((name) => name.endsWith('.so')),
  );
}
