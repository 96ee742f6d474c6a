import { type Snapshot, stackOf } from '../hypervisor/index.js';

/**
 * `4.17.7`, `4.21-unstable`, `4.20.0-rc3`, `4.17.4-pre`: what upstream and Debian call their builds. Ours is
 * `4.17.7-demo`, the small hypervisor of payloads/demo, which is made for their rules.
 */
const KNOWN_BUILD = /^\d+\.\d+(\.\d+)?(-(unstable|pre|demo|rc\d*))?$/;
/** Payloads that show what they can do replace it, as upstream's hello world does. */
const PATCHED = 'xen_extra_version';

/**
 * That the rules of upstream are taken for a build that may have patches of its own, in words; null where its
 * version is one of upstream's or Debian's, or where a payload may have changed what it says.
 */
export function vendorAssumption(snapshot: Snapshot): string | null {
  const isPatched = stackOf(snapshot).some(({ functions }) => functions?.includes(PATCHED) ?? true);
  return isPatched ? null : vendorRules(snapshot.hypervisor.version);
}

/** The same of a version, as a hypervisor or its image says it. */
export function vendorRules(version: string): string | null {
  if (version === '' || KNOWN_BUILD.test(version)) return null;
  return `${version} is neither a build of upstream's nor of Debian's, and is taken to have their rules`;
}
