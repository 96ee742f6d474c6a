import { type BuildId, parseBuildId } from '../core/abi/ids.js';
import type { XenRelease } from '../core/abi/release.js';
import type { CheckTarget } from '../core/check/index.js';
import { XspliceError } from '../core/findings/index.js';
import { modelFromImage } from '../core/host/index.js';
import type { HypervisorImage } from '../core/image/index.js';
import { codeContext } from '../core/oldcode/index.js';
import type { Check } from './checks.js';

/** A hypervisor of which only the id is known: then only the chain is checked. */
export function targetFromId(buildId: string): CheckTarget {
  return {
    buildId: parseBuildId(buildId),
    model: null,
    symbols: null,
    notVerified:
      "only the hypervisor's build-id was given, so only the chain was checked; with --image, what its loader answers would be too",
  };
}

/**
 * What payloads are checked against with an image. `release`: the one whose rules count, null for what the
 * image says. Fails with `image-no-build-id`, `unknown-release`, and where code is to be compared also where the
 * image has no symbols.
 */
export function targetFromImage(
  image: HypervisorImage,
  release: XenRelease | null,
  check: Check,
): CheckTarget {
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
