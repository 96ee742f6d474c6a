import { errnoName, XEN_ERRNO } from '../../abi/errno.js';
import {
  encodeList,
  encodePhysinfo,
  type InterfaceVersion,
  RELEASES_OF_INTERFACE,
  SYSCTL_INTERFACE_VERSIONS,
} from '../../abi/sysctl.js';
import { XspliceError } from '../../findings/index.js';
import type { XenConnection, XenHandle } from './handle.js';
import { SIZES_ONLY } from './list.js';

/** A LIST that asks for nothing but the number of payloads: every Xen answers it, nothing changes. */
function probe(version: InterfaceVersion): Uint8Array {
  return encodeList(version, SIZES_ONLY);
}

function hex(version: number): string {
  return `0x${version.toString(16)}`;
}

/**
 * Finds the sysctl interface version that the running hypervisor speaks. A wrong one is answered with
 * EACCES before anything else is looked at (do_sysctl), so the known ones are tried newest first. A policy of XSM
 * answers with EACCES too: a sysctl that is no live patching tells the two apart.
 *
 * @throws XspliceError `xen-unknown-interface`, `xen-no-livepatch`, `xen-not-permitted` or
 * `xen-probe-failed`.
 */
export async function negotiate(
  handle: XenHandle,
  versions: readonly InterfaceVersion[] = SYSCTL_INTERFACE_VERSIONS,
): Promise<XenConnection> {
  for (const version of versions) {
    const { rc } = await handle.sysctl(probe(version));
    if (rc >= 0) return { handle, version };
    if (rc !== -XEN_ERRNO.EACCES) throw refusal(rc, await runningRelease(handle));
  }
  const release = await runningRelease(handle);
  for (const version of versions) {
    const { rc } = await handle.sysctl(encodePhysinfo(version));
    if (rc === -XEN_ERRNO.EACCES) continue;
    // The interface is that one: it is live patching that is forbidden (xsm_sysctl, xsm_livepatch_op).
    throw new XspliceError(
      'xen-not-permitted',
      `Xen ${release} speaks interface ${hex(version)} and answers EACCES to live patching: its XSM policy does not allow that`,
    );
  }
  const known = versions.map((v) => `${hex(v)} (Xen ${RELEASES_OF_INTERFACE[v]})`).join(', ');
  throw new XspliceError(
    'xen-unknown-interface',
    `Xen ${release} runs here, and answers EACCES to each sysctl interface version that this build knows, ${known}: its interface is a newer one, or its XSM policy allows this domain nothing`,
  );
}

async function runningRelease(handle: XenHandle): Promise<string> {
  const { major, minor, extra } = await handle.readVersion();
  return JSON.stringify(`${major}.${minor}${extra}`).slice(1, -1);
}

function refusal(rc: number, release: string): XspliceError {
  if (rc === -XEN_ERRNO.ENOSYS || rc === -XEN_ERRNO.EOPNOTSUPP) {
    return new XspliceError(
      'xen-no-livepatch',
      `Xen ${release} was built without live patching (${errnoName(rc)})`,
    );
  }
  if (rc === -XEN_ERRNO.EPERM) {
    return new XspliceError(
      'xen-not-permitted',
      `Xen ${release} does not let this domain manage live patches (${errnoName(rc)})`,
    );
  }
  return new XspliceError(
    'xen-probe-failed',
    `Xen ${release} answered a question for its payloads with ${errnoName(rc)}`,
  );
}
