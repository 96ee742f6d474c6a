import { SECTION } from '../abi/livepatch.js';
import type { Code, Finding } from '../findings/index.js';
import type { VerdictStage } from '../verify/index.js';

/**
 * Which of Xen's checks come upon what a reader's finding is about. Those on a section of the payload are by its
 * name, below.
 */
const STAGES: Readonly<Partial<Record<Code, readonly VerdictStage[]>>> = {
  'payload-wrong-type': ['elf-header'],
  'payload-wrong-machine': ['elf-header'],
  'payload-too-large': ['name-and-size'],
  'payload-wrong-version': ['functions'],
  'payload-no-symbols': ['section-table'],
  'payload-bad-symbols': ['section-table', 'symbol-table'],
  'payload-bad-relocations': ['relocation'],
  'payload-bad-functions': ['functions', 'patching-sections', 'special-sections'],
  'payload-no-function-name': ['functions'],
  'payload-bad-hook': ['hooks', 'patching-sections'],
  'payload-bad-metadata': ['metadata'],
  'nothing-to-patch': ['patching-sections', 'special-sections'],
};

const STAGES_OF_SECTION: Readonly<Record<string, readonly VerdictStage[]>> = {
  [SECTION.buildId]: ['special-sections', 'own-build-id'],
  [SECTION.depends]: ['special-sections', 'depends'],
  [SECTION.xenDepends]: ['special-sections', 'xen-depends', 'xen-build-id'],
  [SECTION.funcs]: ['functions'],
};

const ABOUT_SECTIONS: ReadonlySet<Code> = new Set<Code>([
  'missing-note',
  'malformed-note',
  'empty-note',
  'section-not-loaded',
]);

/** What the readers found of one file, and what Xen would say of it: one cause is one finding. */
export function oneCauseEach(
  ofReader: readonly Finding[],
  ofXen: readonly Finding[],
): { readonly ofReader: readonly Finding[]; readonly ofXen: readonly Finding[] } {
  const isSame = (read: Finding, xen: Finding): boolean => {
    const byCode = STAGES[read.code];
    if (byCode !== undefined) return byCode.some((stage) => stage === xen.stage);
    if (!ABOUT_SECTIONS.has(read.code) || read.section === undefined) return false;
    if (xen.section !== undefined && xen.section !== read.section) return false;
    return (STAGES_OF_SECTION[read.section] ?? []).some((stage) => stage === xen.stage);
  };
  return {
    ofReader: ofReader.filter(
      (read) => read.severity !== 'error' || !ofXen.some((xen) => isSame(read, xen)),
    ),
    ofXen: ofXen.map((xen) =>
      withPlace(
        xen,
        ofReader.find((read) => isSame(read, xen)),
      ),
    ),
  };
}

/** What the reader knows of the place and Xen's check does not. */
function withPlace(xen: Finding, read: Finding | undefined): Finding {
  if (read === undefined) return xen;
  const { section, offset, expected, actual } = read;
  return {
    ...(section === undefined ? {} : { section }),
    ...(offset === undefined || xen.section !== undefined ? {} : { offset }),
    ...(expected === undefined || xen.actual !== undefined ? {} : { expected }),
    ...(actual === undefined || xen.expected !== undefined ? {} : { actual }),
    ...xen,
  };
}

/**
 * The same where the reader could not go on, so that all that Xen finds has that cause: the reader's finding says
 * what Xen would do.
 */
export function withAnswer(
  ofReader: readonly Finding[],
  ofXen: readonly Finding[],
): readonly Finding[] {
  const [xen] = ofXen;
  const [read, ...others] = ofReader;
  if (read === undefined || xen === undefined) return ofReader;
  const { stage, errno, file = '' } = xen;
  const says = xen.message.startsWith(`${file}: `)
    ? xen.message.slice(file.length + 2)
    : xen.message;
  const isFatal = xen.code === 'would-be-fatal';
  return [
    {
      ...read,
      message: `${read.message}. ${says}`,
      ...(stage === undefined ? {} : { stage }),
      ...(errno === undefined ? {} : { errno }),
      ...(isFatal ? { hint: `Do not upload it anywhere. ${read.hint ?? ''}`.trim() } : {}),
    },
    ...others,
  ];
}
