import type { QemuHost } from './host.js';

/** What differs between releases of QEMU. The dynamic linker's part is the same in all. */
export interface QemuRules {
  readonly notOpened: (linkerText: string) => string;
  readonly notInitialized: (file: string) => string;
  /** Printed behind it where the file is a module of QEMU. */
  readonly otherBuild: string;
  /** Whether a module whose dependency was not loaded is given up. */
  readonly dependenciesBind: boolean;
  /** Whether a folder whose file failed ends the search. */
  readonly firstFolderDecides: boolean;
  /** Whether the next load after a refusal ends the process, where the refused module had constructors. */
  readonly abortsAfterRefusal: boolean;
  /** Modules to be loaded before another where the host has no list of its own. */
  readonly dependencies: readonly (readonly [module: string, before: string])[];
}

/** module_load_file and module_load_one (util/module.c), QEMU 5.2. */
const UNTIL_7_1: QemuRules = {
  notOpened: (text) => `Failed to open module: ${text}`,
  notInitialized: (file) => `Failed to initialize module: ${file}`,
  otherBuild: 'Note: only modules from the same build can be loaded.',
  dependenciesBind: false,
  firstFolderDecides: false,
  // The list of constructors is emptied on every way out.
  abortsAfterRefusal: false,
  // module_deps; since 6.1 each program has the list qemu_modinfo instead.
  dependencies: [
    ['audio-spice', 'ui-spice-core'],
    ['chardev-spice', 'ui-spice-core'],
    ['hw-display-qxl', 'ui-spice-core'],
    ['ui-spice-app', 'ui-spice-core'],
    ['ui-spice-app', 'chardev-spice'],
    ['ui-egl-headless', 'ui-opengl'],
    ['ui-gtk', 'ui-opengl'],
    ['ui-sdl', 'ui-opengl'],
    ['ui-spice-core', 'ui-opengl'],
  ],
};

/**
 * module_load_dso and module_load (util/module.c), QEMU 7.2 to 11.1. A refusal for the stamp returns before
 * the list of constructors is emptied, and the next load asserts that it is empty.
 */
const SINCE_7_2: QemuRules = {
  notOpened: (text) => `failed to open module: ${text}`,
  notInitialized: (file) => `failed to initialize module: ${file}`,
  otherBuild: 'Only modules from the same build can be loaded.',
  dependenciesBind: true,
  firstFolderDecides: true,
  abortsAfterRefusal: true,
  dependencies: [],
};

/** Told by what the program has, not by its version: packagers take single changes over. */
export function rulesOf(host: QemuHost): QemuRules {
  return host.hasModuleLoad ? SINCE_7_2 : UNTIL_7_1;
}

/** Modules to be loaded before this one, in order. */
export function dependenciesOf(host: QemuHost, name: string): readonly string[] {
  const own = host.modules?.find((info) => info.name === name);
  if (host.modules !== null) return own?.deps ?? [];
  return rulesOf(host)
    .dependencies.filter(([module]) => module === name)
    .map(([, before]) => before);
}

/** Whether another module builds on this one: then its symbols are for all. */
export function isDependency(host: QemuHost, name: string): boolean {
  const { modules } = host;
  if (modules !== null) return modules.some(({ deps }) => deps.includes(name));
  return rulesOf(host).dependencies.some(([, before]) => before === name);
}
