import { type ElfProgram, readDynamic, readDynamicSymbols } from '../../elf/index.js';
import { wholeTexts } from '../texts.js';

/** An nbdkit server. */
export interface NbdkitHost {
  readonly kind: 'nbdkit';
  /** PACKAGE_VERSION; null where the file has none, or more than one text that could be it. */
  readonly version: string | null;
  /** Folders that it may be configured to load filters and plugins from; which, only the tree tells. */
  readonly folders: readonly string[];
}

/** Null where the file is no nbdkit. Fails with an ElfError where its tables are damaged. */
export function readNbdkitHost(program: ElfProgram): NbdkitHost | null {
  const dynamic = readDynamic(program);
  if (dynamic === null) return null;
  const isServer = readDynamicSymbols(dynamic).some(
    ({ name, sectionIndex }) => name === 'nbdkit_error' && sectionIndex !== 0,
  );
  if (!isServer) return null;
  const versions = wholeTexts(program.bytes, '.', /^\d+\.\d+\.\d+$/);
  return {
    kind: 'nbdkit',
    version: versions.length === 1 ? (versions[0] ?? null) : null,
    folders: wholeTexts(program.bytes, '/nbdkit/', /^\/[^\0]*\/nbdkit\/(?:filters|plugins)$/),
  };
}
