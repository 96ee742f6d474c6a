import type { BuildId } from '../abi/ids.js';
import { XspliceError } from '../findings/index.js';
import type { HypervisorImage } from '../image/index.js';

/** Fails with `wrong-image` where the image is of another build. */
export function requireImage({ file, buildIds }: HypervisorImage, expected: BuildId | null): void {
  if (buildIds.some(({ id }) => id === expected)) return;
  throw new XspliceError(
    'wrong-image',
    `${file} is not what runs here: its build-id is ${buildIds[0]?.id ?? 'missing'}, the hypervisor's is ${expected ?? 'missing'}`,
  );
}
