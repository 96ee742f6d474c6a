import type { BuildId } from '../abi/ids.js';
import { formatRelease, type XenRelease } from '../abi/release.js';
import { typedBuildId } from '../abi/typed-id.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { modelFromImage, modelFromRelease, vendorRules } from '../host/index.js';
import type { HypervisorImage, SymbolTable } from '../image/index.js';
import { type CodeContext, type CodeGuard, codeContext } from '../oldcode/index.js';
import type { Model } from '../verify/index.js';

/** What payloads are checked against. */
export interface CheckTarget {
  /** Null where it is not known, and no payload says which one it was built for. */
  readonly buildId: BuildId | null;
  /** The hypervisor just booted; null where what its loader answers cannot be computed. */
  readonly model: Model | null;
  /** Its symbols with types and sizes, as far as they are known; null without an image. */
  readonly symbols: SymbolTable | null;
  /** Why there is no model, in words; null where there is one. */
  readonly notVerified: string | null;
  /** True where an image was given: then a verdict is expected, and none is an error. */
  readonly isImageGiven?: boolean;
  /** That the rules are those of another release, in words; absent or null where they are not. */
  readonly assumption?: string | null;
  /** What is to be said of the image beside its verdicts; absent where nothing is. */
  readonly imageFindings?: readonly Finding[];
  /** To have the code that payloads replace compared too; the context is of the model. */
  readonly oldCode?: { readonly guard: CodeGuard; readonly context: CodeContext };
}

/** What the caller says of an image. */
export interface ImageTargetOptions {
  /** The release whose rules count; null, the default, is what the image says it is. */
  readonly release?: XenRelease | null;
  /** Have the code that payloads replace compared too; null, the default, does not. */
  readonly guard?: CodeGuard | null;
}

/**
 * A hypervisor of which only the build-id is known, as hex digits: chains are checked, verdicts are not given.
 * Fails with `bad-build-id`.
 */
export function targetOfBuildId(hex: string): CheckTarget {
  const notVerified =
    "only the hypervisor's build-id was given, so only the chain was checked; with --image, what its loader answers would be too";
  return { buildId: typedBuildId(hex, () => []), model: null, symbols: null, notVerified };
}

/**
 * A hypervisor of which only the release is known, and its build-id; null for the one that `named`, its payloads,
 * say most often. Its loader is asked by the rules of that release, and what needs an image is taken to fit: the
 * finding `hypervisor-assumed` says so. Fails with `unknown-release`.
 */
export function targetOfRelease(
  release: XenRelease,
  buildId: BuildId | null,
  named: () => readonly (BuildId | null)[],
): CheckTarget {
  const id = buildId ?? mostOften(named());
  const assumedId =
    buildId !== null || id === null
      ? ''
      : `; its build-id is taken to be ${id}, which payloads name`;
  const xen = `Xen ${formatRelease(release)}`;
  const known =
    buildId === null ? `that it is ${xen} is` : `its build-id and that it is ${xen} are`;
  const message = `Of the hypervisor, only ${known} known: its symbols and its code are taken to be what the payloads need${assumedId}`;
  return {
    buildId: id,
    model: modelFromRelease(release, id),
    symbols: null,
    notVerified: null,
    imageFindings: [finding('hypervisor-assumed', { message })],
  };
}

/** Of several that are named as often, the first. */
function mostOften(ids: readonly (BuildId | null)[]): BuildId | null {
  const counts = new Map<BuildId, number>();
  for (const id of ids) if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return [...counts].find(([, count]) => count === most)?.[0] ?? null;
}

/**
 * The hypervisor of an image. Where its loader's answers cannot be computed, the target says why, and chains are
 * checked all the same. Fails with `image-no-build-id` and `unknown-release`; and where a guard was asked for, as
 * modelFromImage does.
 */
export function targetOfImage(
  image: HypervisorImage,
  { release = null, guard = null }: ImageTargetOptions = {},
): CheckTarget {
  const buildId = idOf(image);
  try {
    const { model, assumption } = modelFromImage(image, release);
    // An image with an error in it that makes a model all the same has nothing that counts for it.
    const own = image.findings.filter(({ severity }) => severity !== 'error');
    // Who names the release says whose rules they are.
    const vendor = release === null ? vendorRules(image.version ?? '') : null;
    const imageFindings = vendor === null ? own : [...own, vendorBuild(image, vendor)];
    const of = { buildId, model, assumption, symbols: image.symbols, imageFindings };
    const target = { ...of, notVerified: null };
    if (guard === null) return target;
    return { ...target, oldCode: { guard, context: codeContext(image, model) } };
  } catch (error) {
    if (!(error instanceof XspliceError) || guard !== null) throw error;
    // A release that nobody knows is a mistake in what was asked for, whatever the image.
    if (error.code === 'unknown-release') throw error;
    const notVerified = `${error.message}. ${error.hint}`;
    return { buildId, model: null, isImageGiven: true, symbols: null, notVerified };
  }
}

function vendorBuild({ file }: HypervisorImage, assumption: string): Finding {
  return finding('vendor-build', { file, message: `The verdicts rest on this: ${assumption}` });
}

function idOf(image: HypervisorImage): BuildId {
  const [first] = image.buildIds;
  if (first !== undefined) return first.id;
  throw new XspliceError('image-no-build-id', `${image.file} has no build-id`, {
    findings: image.findings,
  });
}
