import type { System } from '../system.js';
import type { QemuHost } from './host.js';

/**
 * Where this QEMU looks for modules, as far as there are such folders: QEMU_MODULE_DIR, the configured one,
 * then where packages keep those of the version before.
 */
export function moduleFolders(
  { folders, packageVersion }: QemuHost,
  { tree, moduleFolder }: System,
): readonly string[] {
  const kept =
    packageVersion === null
      ? []
      : [`/var/run/qemu/${packageVersion.replaceAll(/[^A-Za-z0-9+.~-]/g, '_')}`];
  const first = moduleFolder === null ? [] : [moduleFolder];
  return [...first, ...folders, ...kept].filter((folder) =>
    tree.list(folder).some((name) => name.endsWith('.so')),
  );
}
