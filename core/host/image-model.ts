import { PAGE_SIZE } from '../abi/address.js';
import { formatRelease, type XenRelease } from '../abi/release.js';
import { EM, machineName } from '../elf/index.js';
import { XspliceError } from '../findings/index.js';
import { formatXensyms, type HypervisorImage, type MemoryRange } from '../image/index.js';
import { createModel, judgedAs, type Model, type Region, rulesFor } from '../verify/index.js';
import { MAX_MEMORY_SIZE } from './limits.js';
import { requireContents } from './require-image.js';

/** A hypervisor that was just booted from an image. */
export interface BootedImage {
  readonly model: Model;
  /** As XENVER_version and extraversion print it; the release where the image does not tell. */
  readonly version: string;
  /** That the rules are those of another release, in words; null where they are not. */
  readonly assumption: string | null;
  /** The symbol table as text, for `readXensyms`; made when it is asked for. */
  readonly symbols: string;
}

/**
 * The model of a hypervisor booted from this image, without payloads. `release` is what the user says it
 * is; null takes it from the image, and where its rules are not known, the newest known ones.
 *
 * Fails, each time saying what can be done without a model, with `image-no-build-id`,
 * `image-no-symbols`, `image-no-contents`, `image-no-memory`, `image-no-release`, `image-wrong-machine`,
 * `image-too-large`, and `unknown-release` where the release that was named is none whose rules are known.
 */
export function modelFromImage(image: HypervisorImage, release: XenRelease | null): BootedImage {
  const { file, symbols } = image;
  const [id] = image.buildIds;
  if (id === undefined) {
    throw new XspliceError('image-no-build-id', `${file} has no build-id`, {
      findings: image.findings,
    });
  }
  if (image.machine !== EM.X86_64) {
    throw new XspliceError(
      'image-wrong-machine',
      `${file} is a hypervisor for ${machineName(image.machine)}; only the loader of x86-64 is known`,
    );
  }
  if (symbols === null) {
    throw new XspliceError('image-no-symbols', `${file} has no symbols`, {
      hint: 'Its build-id can be compared, so check finds the chain. What the loader answers needs symbols: use xen-syms of the same build (Debian: package xen-hypervisor-*-dbg).',
    });
  }
  requireContents(image);
  if (image.memory.length === 0) {
    throw new XspliceError('image-no-memory', `${file} does not tell at which address it runs`);
  }
  const known = release ?? image.release;
  if (known === null) {
    throw new XspliceError('image-no-release', `${file} does not tell which release of Xen it is`);
  }
  const judged = release === null ? judgedAs(known) : { release, assumption: null };
  const model = createModel({
    rules: rulesFor(judged.release),
    buildId: id.id,
    symbols,
    regions: regionsOf(image.memory, file),
  });
  const version =
    release === null ? (image.version ?? formatRelease(known)) : formatRelease(release);
  return {
    model,
    version,
    assumption: judged.assumption,
    get symbols() {
      return formatXensyms(symbols);
    },
  };
}

/**
 * What is mapped once Xen has booted: whole pages, without the init part. Ranges of one protection that
 * share a page or touch become one region.
 */
function regionsOf(memory: readonly MemoryRange[], file: string): readonly Region[] {
  const groups: MemoryRange[][] = [];
  for (const range of memory.filter(({ init }) => !init)) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const touches =
      last !== undefined &&
      last.writable === range.writable &&
      last.executable === range.executable &&
      range.address >= endOf(last) &&
      range.address <= pageEnd(endOf(last));
    if (touches && group !== undefined) group.push(range);
    else groups.push([range]);
  }
  let total = 0n;
  return groups.map((ranges, index) => {
    const [first] = ranges;
    const base = first?.address ?? 0n;
    const last = ranges.at(-1);
    const next = groups[index + 1]?.[0]?.address;
    const whole = last === undefined ? base : pageEnd(endOf(last));
    const end = next !== undefined && next >= base && next < whole ? next : whole;
    // What is claimed counts: where parts overlap, it is more than what is mapped.
    total += whole - base;
    if (total > MAX_MEMORY_SIZE) {
      throw new XspliceError(
        'image-too-large',
        `${file} would take ${total} bytes or more of memory; Xen takes at most ${MAX_MEMORY_SIZE}`,
      );
    }
    if (last !== undefined && end < endOf(last)) {
      throw new XspliceError(
        'image-damaged',
        `${file}: parts of its memory overlap: one ends at 0x${endOf(last).toString(16)}, the next begins at 0x${end.toString(16)}`,
        { hint: 'The image is damaged: compare it with the one of its package.' },
      );
    }
    const bytes = new Uint8Array(Number(end - base));
    for (const range of ranges) bytes.set(range.bytes, Number(range.address - base));
    const writable = first?.writable ?? false;
    const holds = first?.executable ? 'text' : 'rodata';
    return { base, bytes, writable, ...(writable ? {} : { holds }), label: labelOf(ranges) };
  });
}

function labelOf(ranges: readonly MemoryRange[]): string {
  if (ranges.some(({ executable }) => executable)) return 'xen text';
  return ranges.some(({ writable }) => writable) ? 'xen data' : 'xen rodata';
}

function endOf({ address, sizeBytes }: MemoryRange): bigint {
  return address + sizeBytes;
}

function pageEnd(address: bigint): bigint {
  return ((address + PAGE_SIZE - 1n) / PAGE_SIZE) * PAGE_SIZE;
}
