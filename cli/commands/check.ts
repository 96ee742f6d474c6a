import { type BuildId, parseBuildId } from '../../core/abi/ids.js';
import { type CheckTarget, check } from '../../core/check/index.js';
import { EXIT, explained, XspliceError } from '../../core/findings/index.js';
import { modelFromImage } from '../../core/host/index.js';
import type { HypervisorImage } from '../../core/image/index.js';
import { codeContext } from '../../core/oldcode/index.js';
import { readPayloadFiles } from '../files.js';
import { openImage, releaseOf } from '../images.js';
import type { Session } from '../session.js';
import { type Settings, usage } from '../settings.js';
import { checkFields, renderCheck } from '../views/check.js';

/** Checks payloads against an image or an id: their chain, and with an image what Xen will answer. */
export async function run({ settings, output }: Session): Promise<number> {
  const target = targetOf(settings);
  const { inputs, findings } = readPayloadFiles(settings.words);
  const checked = await check(inputs, target, findings);
  const report = settings.explain ? { ...checked, findings: explained(checked.findings) } : checked;
  output.document(checkFields(report));
  if (output.quiet) {
    output.findings(report.findings);
  } else {
    output.data(renderCheck(report, output.style, output.verbose));
  }
  if (report.ok) return EXIT.done;
  const errors = report.findings.filter(({ severity }) => severity === 'error');
  // Nothing was rejected, but nothing is known either.
  return errors.every(({ code }) => code === 'not-verified') ? EXIT.failed : EXIT.rejected;
}

function targetOf({ image: file, buildId, xen, check }: Settings): CheckTarget {
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
    if (!(error instanceof XspliceError) || check !== 'build-id') throw error;
    // A release that nobody knows is a mistake in what was asked for, whatever the image.
    if (error.code === 'unknown-release') throw error;
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
