import assert from 'node:assert/strict';
import { encodeList, type InterfaceVersion } from '../../core/abi/sysctl.js';
import { XspliceError } from '../../core/findings/index.js';
import { XenHandle } from '../../core/hypervisor/xen/handle/handle.js';
import { openXenCall } from '../../core/hypervisor/xen/handle/library.js';
import { localHypercalls } from '../../core/hypervisor/xen/handle/local.js';
import { HOST_PATHS } from '../../core/hypervisor/xen/host.js';
import { openXen } from '../../core/hypervisor/xen/index.js';
import { negotiate } from '../../core/hypervisor/xen/negotiate.js';
import type { RigRelease } from '../../rig/releases.js';
import type { Scenario } from './scenario.js';

const INTERFACE: Readonly<Record<RigRelease['xen'], InterfaceVersion>> = {
  '4.14': 0x13,
  '4.17': 0x15,
  '4.20': 0x15,
};

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof XspliceError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** What is said when there is no hypervisor to talk to, or not this one. */
export const HOST_SCENARIOS: readonly Scenario[] = [
  {
    name: 'host: version, build-id and interface version',
    run: async ({ port, release, family }) => {
      assert.equal(port.interfaceVersion, INTERFACE[release.xen]);
      const { hypervisor } = await port.observe();
      assert.match(hypervisor.version, new RegExp(`^${release.xen.replace('.', '\\.')}\\.\\d`));
      assert.equal(hypervisor.buildId, family.manifest.hypervisor.buildId);
    },
  },
  {
    name: 'host: a foreign interface version is refused in words',
    run: async ({ port, release }) => {
      const handle = await XenHandle.open(localHypercalls(openXenCall()));
      try {
        const foreign = ([0x16, 0x15, 0x14, 0x13, 0x12] as const).filter(
          (version) => version !== port.interfaceVersion,
        );
        for (const version of foreign) {
          const request = { index: 0, count: 0, nameSizeBytes: 0, metadataSizeBytes: 0 };
          const handles = {
            status: 0n,
            name: 0n,
            nameLength: 0n,
            metadata: 0n,
            metadataLength: 0n,
          };
          const { rc } = await handle.sysctl({
            request: encodeList(version, { ...request, ...handles }),
          });
          assert.equal(rc, -13, `Xen's answer to 0x${version.toString(16)}`);
        }
        await assert.rejects(
          () => negotiate(handle, foreign),
          (error: unknown) =>
            error instanceof XspliceError &&
            error.code === 'xen-unknown-interface' &&
            error.message.includes(`Xen ${release.xen}`) &&
            error.message.includes('0x16 (Xen 4.21 and 4.22)'),
        );
      } finally {
        await handle.close();
      }
    },
  },
  {
    name: 'host: not root, no library, no xenfs and no device are told apart',
    run: async () => {
      assert.ok(process.seteuid && process.geteuid);
      process.seteuid(65_534);
      try {
        assert.equal(await codeOf(openXen()), 'xen-not-root');
      } finally {
        process.seteuid(0);
      }
      assert.equal(await codeOf(openXen({ library: 'libxencall.so.0' })), 'xen-no-library');
      const noXenfs = openXen({ paths: { ...HOST_PATHS, procXen: '/nowhere' } });
      assert.equal(await codeOf(noXenfs), 'xen-not-dom0');
      const noDevice = openXen({ paths: { ...HOST_PATHS, devXen: '/nowhere' } });
      assert.equal(await codeOf(noDevice), 'xen-no-device');
    },
  },
];
