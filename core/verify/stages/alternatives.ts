import { XEN_ERRNO } from '../../abi/errno.js';
import { SECTION } from '../../abi/livepatch.js';
import {
  checkWholeEntries,
  contentsAddress,
  type Loading,
  type LoadingSection,
  loadingSectionByName,
  refuse,
  type Stage,
  type StageResult,
} from '../loading.js';
import { formatAddress, wrap64 } from '../memory.js';
import { XenPanic } from '../verdict.js';

const ALT_INSTR_BYTES = 14;
/** MAX_PATCH_LEN. */
const BUFFER_BYTES = 254;
const ALT_FLAG_NOT = 0x8000;
const NOP = 0x90;

/** A struct alt_instr. */
interface Alternative {
  readonly at: bigint;
  readonly original: bigint;
  readonly replacement: bigint;
  readonly feature: number;
  readonly originalBytes: number;
  readonly replacementBytes: number;
  readonly paddingBytes: number;
  /** `priv`: Xen takes the site for patched already. */
  readonly isDone: boolean;
}

/**
 * `.altinstructions` in prepare_payload, then _apply_alternatives. The ranges are checked since 4.18
 * (4.17.4): the condition before could never be true. A bad entry BUG()s the host before 4.20
 * (4.18.4, 4.19.1).
 *
 * Which CPU features the host has is not known here, so every feature counts as absent, and the NOPs
 * of the toolchain as ideal, so that nothing is written then. It changes the payload's own code only;
 * the verdict too, where ranges are not checked and an entry lies outside: that is then assumed.
 */
export const alternatives: Stage = (loading) => {
  const { rules, draft } = loading;
  const section = loadingSectionByName(loading, SECTION.altInstructions);
  if (!section) return 0;
  const fault = checkWholeEntries(loading, section, ALT_INSTR_BYTES);
  if (fault) return fault;
  const { size } = section.header;
  const start = contentsAddress(loading, section);
  // A pointer loop: an end that wraps below the start is no entry at all. Unmapped entries end it.
  const end = wrap64(start + size);
  const entries = function* () {
    for (let at = start; at < end; at += BigInt(ALT_INSTR_BYTES)) {
      yield readAlternative(loading, at);
    }
  };

  if (rules.has('alternativeRanges') && size > 0n) {
    if (draft.text.sizeBytes === 0n) {
      return refuse(loading, XEN_ERRNO.EINVAL, ' Alternatives provided, but no .text', {
        section: SECTION.altInstructions,
      });
    }
    const replacements = loadingSectionByName(loading, SECTION.altReplacement);
    if (!replacements) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        ' .altinstructions provided, but no .altinstr_replacement',
        { section: SECTION.altReplacement },
      );
    }
    for (const entry of entries()) {
      const outside = checkRanges(loading, entry, replacements, entry.at - start);
      if (outside) return outside;
    }
  }
  for (const entry of entries()) {
    const bad = applyAlternative(loading, entry, entry.at - start);
    if (bad) return bad;
  }
  return 0;
};

function readAlternative({ memory }: Loading, at: bigint): Alternative {
  return {
    at,
    original: wrap64(at + BigInt(memory.i32(at))),
    replacement: wrap64(at + 4n + BigInt(memory.i32(at + 4n))),
    feature: memory.u16(at + 8n),
    originalBytes: memory.u8(at + 10n),
    replacementBytes: memory.u8(at + 11n),
    paddingBytes: memory.u8(at + 12n),
    isDone: memory.u8(at + 13n) !== 0,
  };
}

function checkRanges(
  loading: Loading,
  entry: Alternative,
  replacements: LoadingSection,
  offset: bigint,
): StageResult {
  const where = { section: SECTION.altInstructions, offset };
  const { text } = loading.draft;
  if (isOutside(entry.original, entry.originalBytes, text.address, text.sizeBytes)) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      ` Alternative orig ${formatAddress(entry.original)}+${hex(entry.originalBytes)} outside payload text ${formatAddress(text.address)}+${hex(text.sizeBytes)}`,
      where,
    );
  }
  const address = contentsAddress(loading, replacements);
  const size = replacements.header.size;
  if (isOutside(entry.replacement, entry.replacementBytes, address, size)) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      ` Alternative repl ${formatAddress(entry.replacement)}+${hex(entry.replacementBytes)} outside .altinstr_replacement ${formatAddress(address)}+${hex(size)}`,
      where,
    );
  }
  return 0;
}

function isOutside(address: bigint, bytes: number, start: bigint, size: bigint): boolean {
  const length = BigInt(bytes);
  return address < start || length > size || wrap64(address + length) > wrap64(start + size);
}

/** printk's %#x: no prefix for zero. */
function hex(value: number | bigint): string {
  return Number(value) === 0 ? '0' : `0x${value.toString(16)}`;
}

function applyAlternative(loading: Loading, entry: Alternative, offset: bigint): StageResult {
  const { rules, memory } = loading;
  const totalBytes = entry.originalBytes + entry.paddingBytes;
  const feature = rules.has('alternativeNot') ? entry.feature & ~ALT_FLAG_NOT : entry.feature;
  const bad = (errno: number, what: string): StageResult => {
    if (!rules.has('alternativeErrors'))
      throw new XenPanic(`BUG_ON in _apply_alternatives: ${what}`);
    const where = { section: SECTION.altInstructions, offset, actual: what };
    return refuse(loading, errno, ` applying alternatives failed: -${errno}`, where);
  };
  if (entry.replacementBytes > totalBytes) {
    return bad(
      XEN_ERRNO.ENOSPC,
      `replacement size ${entry.replacementBytes} larger than ${totalBytes}`,
    );
  }
  if (totalBytes > BUFFER_BYTES)
    return bad(XEN_ERRNO.ENOSPC, `size ${totalBytes} above ${BUFFER_BYTES}`);
  if (feature >= rules.cpuFeatures) {
    return bad(XEN_ERRNO.ERANGE, `feature ${feature} not below ${rules.cpuFeatures}`);
  }

  if (entry.isDone) return 0;
  const inverted = rules.has('alternativeNot') && (entry.feature & ALT_FLAG_NOT) !== 0;
  if (!inverted) {
    const { address, sizeBytes } = loading.draft.text;
    if (isOutside(entry.original, totalBytes, address, sizeBytes)) {
      loading.assumptions.push(
        `the CPU has no feature ${feature}: its alternative is outside the payload's text`,
      );
    }
    return 0;
  }
  const code = new Uint8Array(totalBytes).fill(NOP);
  code.set(memory.read(entry.replacement, entry.replacementBytes));
  if (entry.replacementBytes >= 5 && ((code[0] ?? 0) & 0xfe) === 0xe8) {
    const view = new DataView(code.buffer);
    const moved = BigInt(view.getInt32(1, true)) + entry.replacement - entry.original;
    view.setInt32(1, Number(BigInt.asIntN(32, moved)), true);
  }
  memory.write(entry.original, code);
  return 0;
}
