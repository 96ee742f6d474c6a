import type { BuildId } from '../abi/ids.js';
import type { XenRelease } from '../abi/release.js';
import { XspliceError } from '../errors.js';
import type { HypervisorImage, MemoryRange } from '../image/index.js';
import { createModel } from './create.js';
import type { Region } from './memory.js';
import type { Model } from './model.js';
import { rulesFor } from './rules.js';

/** What the caller knows better than the image. */
export interface ImageOverrides {
  /** The rules to use, where the image does not tell its release or another one is wanted. */
  readonly release?: XenRelease | undefined;
  /** The id that the running hypervisor reports, where the image has several. */
  readonly buildId?: BuildId | undefined;
}

/**
 * The hypervisor that a boot of this image gives, without payloads. Fails with `image-without-symbols`
 * or `unknown-release` where its answers could not be known.
 */
export function modelFromImage(image: HypervisorImage, overrides: ImageOverrides = {}): Model {
  if (image.symbols === null) {
    throw new XspliceError(
      'image-without-symbols',
      `${image.file} has no symbol table: what payloads import cannot be looked up in it`,
      { hint: 'Use the xen-syms file of the same build; distributions ship it in a -dbg package.' },
    );
  }
  const release = overrides.release ?? image.release;
  if (!release) {
    throw new XspliceError('unknown-release', `${image.file} does not tell which Xen it is`, {
      hint: 'Name it: --xen 4.17',
      exitCode: 64,
    });
  }
  return createModel({
    rules: rulesFor(release),
    buildId: overrides.buildId ?? image.buildIds[0]?.id ?? null,
    symbols: image.symbols,
    regions: image.memory.filter((range) => !range.init).map(regionOf),
  });
}

/** A range as it is mapped at run time: bytes beyond those of the file are zero. */
function regionOf({ address, bytes, sizeBytes, writable, executable }: MemoryRange): Region {
  const mapped = new Uint8Array(Number(sizeBytes));
  mapped.set(bytes);
  const label = executable ? 'text' : writable ? 'data' : 'rodata';
  return { base: address, bytes: mapped, writable, label };
}
