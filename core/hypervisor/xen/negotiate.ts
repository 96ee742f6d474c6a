import { errnoName, XEN_ERRNO } from '../../abi/errno.js';
import {
  decodeList,
  encodeList,
  encodePhysinfo,
  type InterfaceVersion,
  RELEASES_OF_INTERFACE,
  SYSCTL_INTERFACE_VERSIONS,
} from '../../abi/sysctl.js';
import { XspliceError } from '../../findings/index.js';
import type { SysctlAnswer, XenConnection, XenHandle } from './handle/handle.js';
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
 * EACCES before anything else is looked at (do_sysctl), so the known ones are tried; the newest that is taken counts. A policy of XSM
 * answers with EACCES too: a sysctl that is no live patching tells the two apart.
 *
 * @throws XspliceError `xen-unknown-interface`, `xen-no-livepatch`, `xen-not-permitted` or
 * `xen-probe-failed`.
 */
export async function negotiate(
  handle: XenHandle,
  versions: readonly InterfaceVersion[] = SYSCTL_INTERFACE_VERSIONS,
): Promise<XenConnection> {
  const answers = await all(versions, (version) => handle.sysctl({ request: probe(version) }));
  for (const { version, rc, bytes } of answers) {
    if (rc >= 0) return { handle, version, sizes: decodeList(version, bytes) };
    if (rc !== -XEN_ERRNO.EACCES) throw refusal(rc, await runningRelease(handle));
  }
  const release = await runningRelease(handle);
  const others = await all(versions, (version) =>
    handle.sysctl({ request: encodePhysinfo(version) }),
  );
  for (const { version, rc } of others) {
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

/** Asks with each of these interface versions, all at once. */
function all(
  versions: readonly InterfaceVersion[],
  ask: (version: InterfaceVersion) => Promise<SysctlAnswer>,
): Promise<readonly (SysctlAnswer & { readonly version: InterfaceVersion })[]> {
  return Promise.all(versions.map(async (version) => ({ version, ...(await ask(version)) })));
}

async function runningRelease(handle: XenHandle): Promise<string> {
  const { major, minor, extra } = await handle.readIdentity();
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
