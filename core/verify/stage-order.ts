import type { ChangeId } from './changes.js';
import type { StageId } from './stage-id.js';

/**
 * Which stages have to have passed for a stage to mean anything: what it reads was made by these, or it
 * would say the same thing again. A stage that a release does not have is not missed.
 */
export const NEEDS: Readonly<Record<StageId, readonly StageId[]>> = {
  'elf-header': [],
  'section-table': ['elf-header'],
  'section-names': ['section-table'],
  'symbol-table': ['section-table'],
  placement: ['section-names'],
  'symbol-resolution': ['symbol-table', 'placement'],
  relocation: ['symbol-resolution'],
  'special-sections': ['section-names'],
  'patching-sections': ['section-names'],
  functions: ['relocation'],
  hooks: ['section-names', 'patching-sections'],
  'own-build-id': ['placement', 'special-sections'],
  depends: ['placement', 'special-sections'],
  'xen-depends': ['placement', 'special-sections'],
  'bug-frames': ['section-names'],
  alternatives: ['relocation'],
  'alt-call-sites': ['relocation'],
  'exception-table': ['placement'],
  metadata: ['placement'],
  'xen-build-id': ['section-names', 'xen-depends'],
  // A payload that is loaded under another name would find its own symbols.
  'new-symbols': ['functions', 'own-build-id'],
};

/** load_payload_data and prepare_payload, as each release orders them. */
export function stageOrder(has: (change: ChangeId) => boolean): readonly StageId[] {
  const v2 = has('payloadV2');
  const early = has('buildIdFirst');
  const order: (StageId | false)[] = [
    'elf-header',
    'section-table',
    'section-names',
    'symbol-table',
    early && 'xen-build-id',
    'placement',
    'symbol-resolution',
    'relocation',
    'special-sections',
    v2 && 'patching-sections',
    'functions',
    'hooks',
    'own-build-id',
    'depends',
    v2 && !early && 'xen-depends',
    'bug-frames',
    'alternatives',
    has('altCalls') && 'alt-call-sites',
    'exception-table',
    v2 && 'metadata',
    v2 && !early && 'xen-build-id',
    'new-symbols',
  ];
  return order.filter((stage) => stage !== false);
}
