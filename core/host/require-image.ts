import { type BuildId, isEfiBuildId } from '../abi/ids.js';
import { XspliceError } from '../findings/index.js';
import type { HypervisorImage } from '../image/index.js';

/** Fails with `image-no-contents` where the file has no code and no data. */
export function requireContents({ findings }: HypervisorImage): void {
  const absent = XspliceError.of(findings.filter(({ code }) => code === 'image-no-contents'));
  if (absent !== null) throw absent;
}

/**
 * Fails with `wrong-image` where the image is of another build than the hypervisor (`expected`, which says that it
 * is `version`; null where it says nothing), and as {@link requireContents} does. The error says what the image is
 * instead: another version, another build of the same, or the EFI build beside the other.
 */
export function requireImage(
  image: HypervisorImage,
  expected: BuildId | null,
  version: string | null,
): void {
  requireContents(image);
  const { file, buildIds } = image;
  if (buildIds.some(({ id }) => id === expected)) return;
  const own = buildIds[0]?.id ?? null;
  throw new XspliceError(
    'wrong-image',
    `${file} is not what runs here: ${whatItIs(image, version)}its build-id is ${own ?? 'missing'}, the hypervisor's is ${expected ?? 'missing'}`,
    formatHint(image, expected),
  );
}

function whatItIs(image: HypervisorImage, version: string | null): string {
  if (image.version === null || version === null) return '';
  const when = image.compiled === null ? '' : `, compiled ${image.compiled}`;
  return image.version === version
    ? `it is another build of the same Xen ${version}${when}; `
    : `it is Xen ${image.version}${when}, and Xen ${version} runs; `;
}

function formatHint({ kind }: HypervisorImage, expected: BuildId | null): { hint?: string } {
  const runsEfi = isEfiBuildId(expected);
  if (kind !== 'xen-efi' && runsEfi) {
    return {
      hint: 'The id of the hypervisor has 16 bytes, as the EFI build has: name its xen.efi.',
    };
  }
  if (kind === 'xen-efi' && expected !== null && !runsEfi) {
    return {
      hint: 'The EFI build does not run here: name the xen-syms or the xen.gz of this one.',
    };
  }
  return {};
}
