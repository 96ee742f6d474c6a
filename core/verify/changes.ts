import type { XenRelease } from '../abi/release.js';

/**
 * What differs between releases, as data. Each entry names the commit's subject, the branch it first
 * appeared in, and the stable releases it was backported to (read from the branches of Xen's tree).
 */
interface Change {
  /** First minor version of 4.x that has it from its .0 on. */
  readonly since: number;
  /** Backports: minor version → first patch level that has it. */
  readonly backports?: Readonly<Record<number, number>>;
}

const CHANGES = {
  /** "livepatch: always print XENLOG_ERR information": before, a release build says nothing at upload. */
  errorsPrinted: { since: 13 },
  /** `.livepatch.xen_depends`, payload version 2, expectations, hooks, NODEPS, modinfo. */
  payloadV2: { since: 14 },
  /** "livepatch: resolve old address before function verification". */
  resolveBeforeSize: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** "xen/x86: Livepatch: support patching CET-enhanced functions", NOPs behind ENDBR64 included. */
  endbr: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** The same for functions whose ENDBR64 was poisoned at boot (is_endbr64_poison). */
  endbrPoison: { since: 17 },
  /** Payloads go right behind Xen's data (__2M_rwdata_end); before, behind the next 2 MiB (xen_virt_end). */
  behindData: { since: 17 },
  /** "livepatch: do not ignore sections with 0 size". */
  emptySectionsLoaded: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** "livepatch: avoid relocations referencing ignored section symbols". */
  ignoredSymbols: { since: 17, backports: { 14: 5, 15: 3, 16: 1 } },
  /** "x86/alternative: Support replacements when a feature is not present": ALT_FLAG_NOT is no feature bit. */
  alternativeNot: { since: 21, backports: { 17: 6, 18: 5, 19: 3, 20: 1 } },
  /** "xen/livepatch: Fix .altinstructions safety checks": before, no range was ever refused. */
  alternativeRanges: { since: 18, backports: { 17: 4 } },
  /** "livepatch: do not use .livepatch.funcs section to store internal state". */
  stateOutside: { since: 19, backports: { 17: 3, 18: 1 } },
  /**
   * "x86/livepatch: Fix livepatch application when CET is active": CR0.WP stays set while patching, and
   * only the text of Xen and of registered payloads is made writable (relax_virtual_region_perms).
   */
  textRelaxedOnly: { since: 18, backports: { 16: 4, 17: 1 } },
  /** "xen/livepatch: register livepatch regions when loaded"; before, when applied. */
  regionsAtUpload: { since: 19, backports: { 17: 4, 18: 1 } },
  /** "x86/livepatch: Relax permissions on rodata too", payloads' own .rodata included. */
  rodataRelaxed: { since: 19, backports: { 17: 4, 18: 2 } },
  /**
   * "xen/livepatch: do Xen build-id check earlier", and "drop load_addr Elf section field": a section has one address,
   * in the file until it is loaded.
   */
  buildIdFirst: { since: 20, backports: { 18: 4, 19: 1 } },
  /** "x86/alternatives: do not BUG during apply": a bad alternative is an error, no longer a BUG(). */
  alternativeErrors: { since: 20, backports: { 18: 4, 19: 1 } },
  /** "xen: Drop xen_build_id()": the id and its length are variables. */
  buildIdVariable: { since: 21 },
  /** `.alt_call_sites`. */
  altCalls: { since: 21 },
} as const satisfies Record<string, Change>;

export type ChangeId = keyof typeof CHANGES;

/** True where a release has a change. */
export function hasChange(id: ChangeId, { minor, patch }: XenRelease): boolean {
  const change: Change = CHANGES[id];
  if (minor >= change.since) return true;
  const backport = change.backports?.[minor];
  return backport !== undefined && (patch ?? Number.MAX_SAFE_INTEGER) >= backport;
}
