import type { Stage } from '../loading.js';
import type { StageId } from '../stage-id.js';
import { altCallSites } from './alt-call-sites.js';
import { alternatives } from './alternatives.js';
import { bugFrames } from './bug-frames.js';
import { depends, ownBuildId, xenBuildId, xenDepends } from './build-ids.js';
import { elfHeader } from './elf-header.js';
import { exceptionTable } from './exception-table.js';
import { functions } from './functions.js';
import { hooks } from './hooks.js';
import { metadata } from './metadata.js';
import { newSymbols } from './new-symbols.js';
import { placement } from './placement.js';
import { relocation } from './relocation.js';
import { patchingSections, specialSections } from './required-sections.js';
import { sectionNames } from './section-names.js';
import { sectionTable } from './section-table.js';
import { symbolResolution } from './symbol-resolution.js';
import { symbolTable } from './symbol-table.js';

/** Every check of the loader by its name. */
export const STAGES: Readonly<Record<StageId, Stage>> = {
  'elf-header': elfHeader,
  'section-table': sectionTable,
  'section-names': sectionNames,
  'symbol-table': symbolTable,
  placement,
  'symbol-resolution': symbolResolution,
  relocation,
  'special-sections': specialSections,
  'patching-sections': patchingSections,
  functions,
  hooks,
  'own-build-id': ownBuildId,
  depends,
  'xen-depends': xenDepends,
  'bug-frames': bugFrames,
  alternatives,
  'alt-call-sites': altCallSites,
  'exception-table': exceptionTable,
  metadata,
  'xen-build-id': xenBuildId,
  'new-symbols': newSymbols,
};
