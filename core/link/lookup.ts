import type { Definition, LinkObject, Want } from './object.js';

/**
 * Whether one file of a scope defines what is wanted: do_lookup_x and check_match of glibc
 * (elf/dl-lookup.c). Without a version table any definition of the name matches. Who wants a version gets
 * that, or a definition without one; who wants none gets such a one or one of the first version, else the
 * default.
 */
export function defines(object: LinkObject, { name, version }: Want): boolean {
  const all = object.definitions.get(name);
  if (all === undefined) return false;
  return version === null ? someUnversioned(all) : all.some((one) => isVersion(one, version));
}

function isVersion(definition: Definition, version: string): boolean {
  const { index, isHidden } = definition;
  if (index === null) return true;
  return index >= 2 ? definition.version === version : !isHidden;
}

function someUnversioned(all: readonly Definition[]): boolean {
  if (all.some(({ index }) => index === null || index < 3)) return true;
  return all.filter(({ isHidden }) => !isHidden).length === 1;
}
