import type { Loaded } from './graph.js';
import { defines } from './lookup.js';
import type { LinkObject, Want } from './object.js';

interface Left {
  readonly libraries: readonly (LinkObject | undefined)[];
  readonly wants: readonly Want[];
}

/** Most programs of a tree load the same libraries: what is left of a file's wants is kept with it. */
const KNOWN = new WeakMap<LinkObject, Left>();

/**
 * What a file wants that the libraries it names itself do not define, in its order; what may be missing is left out.
 * Whatever else is in the process, the rest is defined.
 */
export function openWants({ object }: Loaded, names: ReadonlyMap<string, Loaded>): readonly Want[] {
  const libraries = object.needed.map((name) => names.get(name)?.object);
  const known = KNOWN.get(object);
  if (known?.libraries.every((library, at) => library === libraries[at]) === true) {
    return known.wants;
  }
  const byName = new Map(object.needed.map((name, at) => [name, libraries[at]]));
  const isLeft = (want: Want): boolean => {
    if (want.isWeak) return false;
    const likely = want.from === null ? undefined : byName.get(want.from);
    if (likely !== undefined && defines(likely, want)) return false;
    return !libraries.some((library) => library !== undefined && defines(library, want));
  };
  const left = { libraries, wants: object.wants.filter(isLeft) };
  KNOWN.set(object, left);
  return left.wants;
}
