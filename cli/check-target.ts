import { type BuildId, parseBuildId } from '../core/abi/ids.js';
import type { CheckTarget } from '../core/check/index.js';
import { XspliceError } from '../core/findings/index.js';
import { modelFromImage } from '../core/host/index.js';
import type { HypervisorImage } from '../core/image/index.js';
import { codeContext } from '../core/oldcode/index.js';
import { openImage, releaseOf } from './images.js';
import { type Settings, usage } from './settings.js';

/** What payloads are checked against: the image that was named, or its build-id alone. */
export function targetOf({ image: file, buildId, xen, check }: Settings): CheckTarget {
  const release = releaseOf(xen);
  if (buildId !== null) {
    if (check !== 'build-id') {
      throw usage(`--check ${check} compares code, which needs an image`, 'Name it with --image.');
    }
    const notVerified =
      "only the hypervisor's build-id was given, so only the chain was checked; with --image, what its loader answers would be too";
    return { buildId: parseBuildId(buildId), model: null, symbols: null, notVerified };
  }
  if (file === null) {
    throw usage(
      'check needs to know the hypervisor',
      'Name its image with --image FILE, or its build-id with --build-id HEX.',
    );
  }
  const image = openImage(file);
  const id = idOf(image);
  try {
    const { model, assumption } = modelFromImage(image, release);
    const target = { buildId: id, model, assumption, symbols: image.symbols, notVerified: null };
    if (check === 'build-id') return target;
    return { ...target, oldCode: { guard: check, context: codeContext(image, model) } };
  } catch (error) {
    // A release that nobody knows is a mistake in what was asked for, whatever the image.
    const isMistake = release !== null || check !== 'build-id';
    if (!(error instanceof XspliceError) || isMistake) throw error;
    return {
      buildId: id,
      model: null,
      isImageGiven: true,
      symbols: null,
      notVerified: `${error.message}. ${error.hint}`,
    };
  }
}

function idOf(image: HypervisorImage): BuildId {
  const [first] = image.buildIds;
  if (first !== undefined) return first.id;
  throw new XspliceError('image-no-build-id', `${image.file} has no build-id`, {
    findings: image.findings,
  });
}
