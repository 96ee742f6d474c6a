import { LIVEPATCH_FUNC, LIVEPATCH_OPAQUE_SIZE, SECTION } from '../abi/livepatch.js';
import { sectionByName, sectionBytes } from '../elf/index.js';
import { type Finding, XspliceError } from '../findings/index.js';
import type { Payload } from '../payload/index.js';
import { ownerOf, patchesByAddress, type RunningCode } from './running.js';
import { type BootPatchSite, sitesWithin } from './sites.js';
import type { Trial } from './trial-load.js';

/** What was put into a payload's expectation fields. */
export interface FilledExpectations {
  readonly bytes: Uint8Array;
  /** By function, in the order of the file: how many bytes Xen will compare; 0 where it cannot. */
  readonly lengths: readonly number[];
  readonly findings: readonly Finding[];
}

/**
 * The payload with Xen's own expectations filled in: the first bytes of each old function, at most 31,
 * as they are on a running hypervisor. Xen compares them at APPLY (livepatch_check_expectations,
 * common/livepatch.c, 4.14 on). This changes bytes that Xen loads, so it comes before a record.
 *
 * Only bytes that are the same on every CPU can be expected: they end before the first site that
 * Xen changes at boot, and before old_size, which Xen refuses to go beyond. A function without any such
 * byte, or whose code is another payload's trampoline (which leads to where that one happened to be
 * loaded), gets no expectation and a warning `expectation-empty`; a shorter one a note
 * `expectation-short`. Fails with `expectation-unsupported` for payload version 1, which has none.
 */
export function withExpectations(payload: Payload, trial: Trial): FilledExpectations {
  const section = sectionByName(payload.elf, SECTION.funcs);
  if (section === null || payload.version !== 2) {
    throw new XspliceError(
      'expectation-unsupported',
      `${payload.file}: expected functions of payload version 2, found ${section === null ? 'none' : `version ${payload.version ?? 'unknown'}`}`,
    );
  }
  // Checked here to lie in the file.
  sectionBytes(payload.elf, section);
  const bytes = new Uint8Array(payload.elf.bytes);
  const findings: Finding[] = [];
  const { code } = trial.graph;
  const lengths = trial.functions.map(({ patch }, index) => {
    const { name, oldAddress, oldSize } = patch;
    const wanted = Math.min(LIVEPATCH_OPAQUE_SIZE, oldSize);
    const { length, reason } = comparablePrefix(code, oldAddress, wanted);
    const old = code.model.memory.readOrNull(oldAddress, length);
    const at = Number(section.offset) + index * LIVEPATCH_FUNC.sizeBytes[2] + LIVEPATCH_FUNC.expect;
    bytes.fill(0, at, at + 1 + LIVEPATCH_OPAQUE_SIZE);
    if (reason !== null) findings.push(finding(payload, name, length, wanted, reason));
    if (length === 0 || old === null) return 0;
    bytes[at] = 1 | (length << 1);
    bytes.set(old, at + 1);
    return length;
  });
  return { bytes, lengths, findings };
}

/** How many of the bytes at an address are the same on every host, and why not more. */
function comparablePrefix(
  code: RunningCode,
  address: bigint,
  wanted: number,
): { readonly length: number; readonly reason: string | null } {
  const end = address + BigInt(wanted);
  if (code.model.memory.readOrNull(address, wanted) === null) {
    return { length: 0, reason: 'its old code is not in memory' };
  }
  const sites: readonly { readonly at: bigint; readonly reason: string }[] = [
    ...(ownerOf(code, address)?.payload == null
      ? sitesWithin(code.base.sites, address, end)
      : []
    ).map((site) => ({ at: site.address, reason: siteText(site) })),
    ...(patchesByAddress(code).get(address) ?? [])
      .filter(({ newAddress }) => newAddress !== 0n)
      .map(({ payload, patchOffset }) => ({
        at: address + BigInt(patchOffset),
        reason: `payload ${JSON.stringify(payload)} has its trampoline there`,
      })),
  ];
  const [first] = [...sites].sort((a, b) => (a.at < b.at ? -1 : 1));
  if (first === undefined) return { length: wanted, reason: null };
  return { length: Math.max(0, Number(first.at - address)), reason: first.reason };
}

function siteText({ kind }: BootPatchSite): string {
  switch (kind) {
    case 'alternative':
      return 'Xen replaces code there at boot, by CPU feature';
    case 'alternative-call':
      return 'Xen makes an indirect call a direct one there at boot';
    case 'endbr':
      return 'Xen replaces its ENDBR64 at boot where the CPU has CET-IBT';
  }
}

function finding(
  { file }: Payload,
  symbol: string,
  length: number,
  wanted: number,
  reason: string,
): Finding {
  return {
    code: length === 0 ? 'expectation-empty' : 'expectation-short',
    severity: length === 0 ? 'warning' : 'note',
    file,
    symbol,
    message: `Xen can compare ${length} of ${wanted} bytes of the old code: behind these, ${reason}`,
    expected: String(wanted),
    actual: String(length),
  };
}
