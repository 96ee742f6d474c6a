/** The checks of the loader, each by its name. In which order they run is a matter of the release: rules.ts. */
export const STAGE_IDS = [
  'elf-header',
  'section-table',
  'section-names',
  'symbol-table',
  'placement',
  'symbol-resolution',
  'relocation',
  'special-sections',
  'patching-sections',
  'functions',
  'hooks',
  'own-build-id',
  'depends',
  'xen-depends',
  'bug-frames',
  'alternatives',
  'alt-call-sites',
  'exception-table',
  'metadata',
  'xen-build-id',
  'new-symbols',
] as const;

export type StageId = (typeof STAGE_IDS)[number];
