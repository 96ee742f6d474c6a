import type { LinkObject } from '../../link/index.js';

/** What a file says of itself as a module of QEMU. */
export interface QemuModule {
  /** It was made as one: it has qemu_module_dummy. */
  readonly isModule: boolean;
  /** Its `qemu_stamp_…`: one, as a rule. */
  readonly stamps: readonly string[];
  /** It registers something when it is loaded, before QEMU looks at the stamp. */
  readonly hasConstructors: boolean;
}

/** Libraries are asked about with each module that loads them. */
const KNOWN = new WeakMap<LinkObject, QemuModule>();

export function qemuModuleOf(object: LinkObject): QemuModule {
  const known = KNOWN.get(object);
  if (known !== undefined) return known;
  const { definitions, wants } = object;
  const module = {
    isModule: definitions.has('qemu_module_dummy'),
    stamps: [...definitions.keys()].filter((name) => name.startsWith('qemu_stamp_')).sort(),
    hasConstructors: wants.some(({ name }) => name === 'register_dso_module_init'),
  };
  KNOWN.set(object, module);
  return module;
}
