import { XEN_ERRNO } from '../../abi/errno.js';
import { SECTION } from '../../abi/livepatch.js';
import {
  contentsAddress,
  doing,
  type Loading,
  type LoadingSection,
  loadingSectionByName,
  refuse,
  type Stage,
  type StageResult,
} from '../loading.js';
import { wrap32, wrap64 } from '../memory.js';
import { type IdSpan, idAt, type ModelPayload, payloadsById } from '../model.js';

const NOTE_HEADER_BYTES = 12n;
const NT_GNU_BUILD_ID = 3;
/** %*phN prints at most this many bytes (vsprintf.c, hex_string). */
const PRINTED_ID_BYTES = 64;

/** The span of an id, or the positive errno of xen_build_id_check. */
type ParsedId = IdSpan | number;

/**
 * xen_build_id_check, with the checks around it: only the first note of the section counts. Its own
 * errno reaches the caller since 4.20 (4.18.4, 4.19.1); before, every failure was EINVAL.
 */
function parseBuildId(
  loading: Loading,
  name: string,
  section: LoadingSection,
  at: bigint,
): ParsedId {
  const grounds = { reason: 'id-not-loaded', section: name } as const;
  const parsed = doing(loading, grounds, () => parseNote(loading, section, at));
  if (typeof parsed !== 'number') return parsed.length === 0 ? XEN_ERRNO.EINVAL : parsed;
  return loading.rules.has('buildIdFirst') ? parsed : XEN_ERRNO.EINVAL;
}

function parseNote({ memory }: Loading, { header }: LoadingSection, note: bigint): ParsedId {
  if (header.size <= NOTE_HEADER_BYTES) return XEN_ERRNO.EINVAL;
  const nameBytes = memory.u32(note);
  const descBytes = memory.u32(wrap64(note + 4n));
  const total = wrap32(BigInt(nameBytes) + BigInt(descBytes));
  if (memory.u32(wrap64(note + 8n)) !== NT_GNU_BUILD_ID) return XEN_ERRNO.ENODATA;
  if (total < BigInt(nameBytes)) return XEN_ERRNO.EINVAL;
  if (nameBytes < 4) return XEN_ERRNO.EINVAL;
  // The size is passed as an unsigned int, and 12 is subtracted from it as from a size_t.
  if (total > wrap64(wrap32(header.size) - NOTE_HEADER_BYTES)) return XEN_ERRNO.EINVAL;
  const name = wrap64(note + NOTE_HEADER_BYTES);
  // strncmp with "GNU" ends at the NUL, the fourth byte.
  if (memory.u32(name) !== 0x00554e47) return XEN_ERRNO.ENODATA;
  return { address: wrap64(name + BigInt(((nameBytes + 3) & ~3) >>> 0)), length: descBytes };
}

function malformed(loading: Loading, errno: number, section: string): StageResult {
  const expected = 'a GNU build-id (type 3) as the first note';
  return refuse(loading, errno, null, { reason: 'id-not-first-note', section, expected });
}

/** The payload's own id, which no loaded payload may have. All releases. */
export const ownBuildId: Stage = (loading) => {
  const section = loadingSectionByName(loading, SECTION.buildId);
  if (!section) return 0;
  const id = parseBuildId(loading, SECTION.buildId, section, contentsAddress(loading, section));
  if (typeof id === 'number') return malformed(loading, id, SECTION.buildId);
  loading.draft.buildId = id;
  const same = payloadWithId(loading, id);
  if (same === null) return 0;
  const actual = `the build-id of ${JSON.stringify(same.name)}, which is loaded`;
  return refuse(loading, XEN_ERRNO.EEXIST, null, {
    reason: 'build-id-loaded',
    section: SECTION.buildId,
    actual,
  });
};

/** The first loaded payload with an id. Xen compares one after the other: what is not mapped kills it. */
function payloadWithId({ model, memory }: Loading, id: IdSpan): ModelPayload | null {
  const { first, unread } = payloadsById(model);
  const own = memory.isKnown(id.address) ? idAt(memory, id) : null;
  if (own !== null && unread === 0) return first.get(own) ?? null;
  const isSame = ({ buildId }: ModelPayload) =>
    buildId.length === id.length && memory.equal(buildId.address, id.address, id.length);
  return model.payloads.find(isSame) ?? null;
}

/** The parent's id: parsed here, compared only by APPLY and REPLACE. All releases. */
export const depends: Stage = (loading) => {
  const section = loadingSectionByName(loading, SECTION.depends);
  if (!section) return 0;
  const id = parseBuildId(loading, SECTION.depends, section, contentsAddress(loading, section));
  if (typeof id === 'number') return malformed(loading, id, SECTION.depends);
  loading.draft.depends = id;
  return 0;
};

/** The hypervisor's id, parsed. 4.14 to 4.19 (not 4.18.4, 4.19.1). */
export const xenDepends: Stage = (loading) => {
  const section = loadingSectionByName(loading, SECTION.xenDepends);
  if (!section) return 0;
  const id = parseBuildId(loading, SECTION.xenDepends, section, contentsAddress(loading, section));
  if (typeof id === 'number') return malformed(loading, id, SECTION.xenDepends);
  loading.draft.xenDepends = id;
  return 0;
};

/**
 * The hypervisor's id, compared: xen_build_id_dep at the end of the load since 4.14,
 * check_xen_buildid right after the file's tables since 4.20 (4.18.4, 4.19.1), where the note is
 * parsed in the file's buffer and need not be in a section that is loaded.
 */
export const xenBuildId: Stage = (loading) =>
  loading.rules.has('buildIdFirst') ? compareEarly(loading) : compareLate(loading);

function compareEarly(loading: Loading): StageResult {
  const where = { section: SECTION.xenDepends };
  const section = loadingSectionByName(loading, SECTION.xenDepends);
  if (!section) {
    return refuse(loading, XEN_ERRNO.EINVAL, `: section ${SECTION.xenDepends} is missing`, {
      reason: 'section-missing',
      ...where,
    });
  }
  const id = parseBuildId(loading, SECTION.xenDepends, section, section.dataAddress);
  if (typeof id === 'number') {
    return refuse(
      loading,
      XEN_ERRNO.EINVAL,
      `: failed to parse section ${SECTION.xenDepends} as build-id: -${id}`,
      { reason: 'id-not-first-note', ...where },
    );
  }
  if (isHypervisorId(loading, id)) return 0;
  if (loading.model.buildId === null) {
    // Since 4.21 the line shows the result of the parse before it, which is 0.
    const printed = loading.rules.has('buildIdVariable') ? '0' : `-${XEN_ERRNO.ENODATA}`;
    return refuse(loading, XEN_ERRNO.ENODATA, `: unable to get running Xen build-id: ${printed}`, {
      reason: 'hypervisor-without-id',
    });
  }
  const actual = idText(loading, id, PRINTED_ID_BYTES);
  const expected = loading.model.buildId;
  return refuse(
    loading,
    XEN_ERRNO.EINVAL,
    `: build-id mismatch:\n  livepatch: ${actual}\n        xen: ${expected}`,
    { reason: 'other-hypervisor', ...where, expected, actual },
  );
}

function compareLate(loading: Loading): StageResult {
  const id = loading.draft.xenDepends;
  const expected = loading.model.buildId;
  if (expected === null) {
    return refuse(loading, XEN_ERRNO.ENODATA, null, { reason: 'hypervisor-without-id' });
  }
  if (id && isHypervisorId(loading, id)) return 0;
  // An id of another length is not read by Xen, so it need not be where something is mapped.
  const isReadable = id !== null && id.length * 2 === expected.length;
  return refuse(loading, XEN_ERRNO.EINVAL, ': check against hypervisor build-id failed', {
    reason: 'other-hypervisor',
    section: SECTION.xenDepends,
    expected,
    ...(isReadable ? { actual: idText(loading, id, id.length) } : {}),
  });
}

function isHypervisorId(loading: Loading, id: IdSpan): boolean {
  const own = loading.model.buildId;
  return own !== null && own.length === id.length * 2 && idText(loading, id, id.length) === own;
}

function idText({ memory }: Loading, { address, length }: IdSpan, mostBytes: number): string {
  return Buffer.from(memory.read(address, Math.min(length, mostBytes))).toString('hex');
}
