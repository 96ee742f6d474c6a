import { XEN_ERRNO } from '../../abi/errno.js';
import { SECTION } from '../../abi/livepatch.js';
import {
  checkWholeEntries,
  contentsAddress,
  doing,
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
/** Offset of `priv` in a struct alt_instr. */
const PRIV = 13n;
/** X86_FEATURE_ALWAYS: long mode, which every CPU has that runs Xen. */
const FEATURE_ALWAYS = 93;
/** The instruction as a little-endian word. */
const ENDBR64 = 0xfa1e0ff3;

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
 * Which CPU features the host has is not known here, so that every feature but the one that all have counts as
 * absent, and the NOPs of the toolchain as ideal, so that nothing is written then. It changes the payload's own
 * code only. What would be written outside the payload's text is a stray write: Xen dies of it where it is
 * sure to come and nothing writable is there; else the verdict says what it depends on.
 */
export const alternatives: Stage = (loading) => {
  const { rules, draft } = loading;
  const section = loadingSectionByName(loading, SECTION.altInstructions);
  if (!section) return 0;
  const fault = checkWholeEntries(loading, section, ALT_INSTR_BYTES);
  if (fault) return fault;
  const { size } = section.header;
  const start = contentsAddress(loading, section);
  if (start === 0n)
    loading.doing = { reason: 'alternatives-not-loaded', section: SECTION.altInstructions };
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
        reason: 'alternatives-without-text',
        section: SECTION.altInstructions,
      });
    }
    const replacements = loadingSectionByName(loading, SECTION.altReplacement);
    if (!replacements) {
      return refuse(
        loading,
        XEN_ERRNO.EINVAL,
        ' .altinstructions provided, but no .altinstr_replacement',
        { reason: 'alternatives-without-replacements', section: SECTION.altReplacement },
      );
    }
    for (const entry of entries()) {
      const outside = checkRanges(loading, entry, replacements, entry.at - start);
      if (outside) return outside;
    }
  }
  // The first of those entries that patch one place, one behind the other.
  let base: Alternative | null = null;
  for (const entry of entries()) {
    if (base?.original !== entry.original) base = entry;
    const bad = applyAlternative(loading, entry, base, entry.at - start);
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
      { reason: 'alternative-outside-text', ...where },
    );
  }
  const address = contentsAddress(loading, replacements);
  const size = replacements.header.size;
  if (isOutside(entry.replacement, entry.replacementBytes, address, size)) {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      ` Alternative repl ${formatAddress(entry.replacement)}+${hex(entry.replacementBytes)} outside .altinstr_replacement ${formatAddress(address)}+${hex(size)}`,
      { reason: 'replacement-outside', ...where },
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

function applyAlternative(
  loading: Loading,
  entry: Alternative,
  base: Alternative,
  offset: bigint,
): StageResult {
  const { rules, memory } = loading;
  const totalBytes = entry.originalBytes + entry.paddingBytes;
  const feature = rules.has('alternativeNot') ? entry.feature & ~ALT_FLAG_NOT : entry.feature;
  const bad = (errno: number, what: string): StageResult => {
    const where = {
      ...({ reason: 'alternative-invalid', section: SECTION.altInstructions } as const),
      ...{ offset, actual: what },
    };
    loading.doing = where;
    if (!rules.has('alternativeErrors')) {
      throw new XenPanic(`BUG_ON in _apply_alternatives: ${what}`);
    }
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
  const isTouched = memory.u8(base.at + PRIV) !== 0;
  checkStray(loading, entry, offset, { feature, inverted, isTouched });
  if ((feature === FEATURE_ALWAYS) === inverted) {
    if (!isTouched) memory.write(entry.at + PRIV, Uint8Array.of(1));
    return 0;
  }
  const code = new Uint8Array(totalBytes).fill(NOP);
  code.set(memory.read(entry.replacement, entry.replacementBytes));
  if (entry.replacementBytes >= 5 && ((code[0] ?? 0) & 0xfe) === 0xe8) {
    const call = indirectCall(loading, entry, code);
    if (call === null) {
      const view = new DataView(code.buffer);
      const moved = BigInt(view.getInt32(1, true)) + entry.replacement - entry.original;
      view.setInt32(1, Number(BigInt.asIntN(32, moved)), true);
    } else code.set(call);
  }
  memory.write(entry.at + PRIV, Uint8Array.of(1));
  const { original } = entry;
  const stray = {
    reason: 'alternative-writes-outside',
    section: SECTION.altInstructions,
    offset,
  } as const;
  if (totalBytes > 0) doing(loading, stray, () => memory.write(original, code));
  return 0;
}

/**
 * An indirect call or jump through a pointer becomes a direct one (alternative_call; until 4.20): the new
 * bytes, or null where the entry is none of these.
 */
function indirectCall(
  { memory, rules }: Loading,
  entry: Alternative,
  code: Uint8Array,
): Uint8Array | null {
  if (rules.has('altCalls') || entry.feature !== FEATURE_ALWAYS) return null;
  const view = new DataView(code.buffer, code.byteOffset);
  if (view.getInt32(1, true) !== -5 || entry.originalBytes < 6) return null;
  const isJump = ((code[0] ?? 0) & 1) !== 0;
  if (memory.u16(entry.original) !== (isJump ? 0x25ff : 0x15ff)) return null;
  const next = entry.original + 6n;
  const pointer = wrap64(next + BigInt(memory.i32(wrap64(entry.original + 2n))));
  let destination = memory.u64(pointer);
  if (destination === 0n) return Uint8Array.of(0x0f, 0x0b, 0x0f, 0xff, 0xff);
  // CONFIG_XEN_IBT, on wherever the compiler can: the call leads behind an ENDBR64.
  if (rules.has('endbrPoison') && memory.u32(destination) === ENDBR64) destination += 4n;
  const direct = Uint8Array.of(code[0] ?? 0, 0, 0, 0, 0);
  const distance = Number(BigInt.asIntN(32, destination - (entry.original + 5n)));
  new DataView(direct.buffer).setInt32(1, distance, true);
  return direct;
}

/** Notes what Xen writes, or may write, outside the payload's text for an entry. */
function checkStray(
  loading: Loading,
  entry: Alternative,
  offset: bigint,
  known: { readonly feature: number; readonly inverted: boolean; readonly isTouched: boolean },
): void {
  checkReplacement(loading, entry, offset, known);
  const { original, originalBytes, paddingBytes } = entry;
  const { address, sizeBytes } = loading.draft.text;
  const bytes = originalBytes + paddingBytes;
  if (bytes === 0 || !isOutside(original, bytes, address, sizeBytes)) return;
  const { feature, inverted, isTouched } = known;
  const isOnNops = paddingBytes > 1 && !isTouched;
  const replaces = `the CPU has ${inverted ? 'no ' : ''}feature ${feature}`;
  const isSure = feature === FEATURE_ALWAYS && !inverted;
  const when = isSure
    ? null
    : `${replaces}${isOnNops ? ', or the NOPs of the compiler do not suit it' : ''}`;
  loading.strayWrites.push({
    section: SECTION.altInstructions,
    offset,
    access: 'write',
    address: original,
    bytes,
    when,
  });
  if (when === null) return;
  const nops = isOnNops && !inverted ? ', and the NOPs of the compiler suit it' : '';
  loading.assumptions.push(
    `the CPU has no feature ${feature}${nops}: its alternative is outside the payload's text`,
  );
}

/** Notes a replacement that lies nowhere, which Xen reads where the feature asks for it. */
function checkReplacement(
  { memory, strayWrites, assumptions }: Loading,
  { replacement, replacementBytes: bytes }: Alternative,
  offset: bigint,
  { feature, inverted }: { readonly feature: number; readonly inverted: boolean },
): void {
  // Where it is sure to be read Xen dies here, and that is the verdict.
  if (feature === FEATURE_ALWAYS || bytes === 0 || memory.readOrNull(replacement, bytes) !== null)
    return;
  const when = `the CPU has ${inverted ? 'no ' : ''}feature ${feature}`;
  const section = SECTION.altInstructions;
  strayWrites.push({ section, offset, access: 'read', address: replacement, bytes, when });
  assumptions.push(
    `the CPU has ${inverted ? '' : 'no '}feature ${feature}: the replacement is nowhere`,
  );
}
