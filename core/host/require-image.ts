import type { BuildId } from '../abi/ids.js';
import { XspliceError } from '../findings/index.js';
import type { HypervisorImage } from '../image/index.js';

/** Fails with `image-no-contents` where the file has no code and no data. */
export function requireContents({ findings }: HypervisorImage): void {
  const absent = XspliceError.of(findings.filter(({ code }) => code === 'image-no-contents'));
  if (absent !== null) throw absent;
}

/** Fails with `wrong-image` where the image is of another build, and as {@link requireContents} does. */
export function requireImage(image: HypervisorImage, expected: BuildId | null): void {
  const { file, buildIds } = image;
  requireContents(image);
  if (buildIds.some(({ id }) => id === expected)) return;
  throw new XspliceError(
    'wrong-image',
    `${file} is not what runs here: its build-id is ${buildIds[0]?.id ?? 'missing'}, the hypervisor's is ${expected ?? 'missing'}`,
  );
}
