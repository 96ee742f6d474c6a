import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isDom0, requireDom0 } from '../../../core/hypervisor/xen/host.js';
import { openXen } from '../../../core/hypervisor/xen/index.js';

const root = mkdtempSync(join(tmpdir(), 'xsplice-host-'));
// Others may look into it as they may into /dev and /proc.
chmodSync(root, 0o755);
after(() => rmSync(root, { recursive: true, force: true }));

/** A user without rights. */
const NOBODY = 65_534;

let count = 0;

/** A machine with this in /proc/xen/capabilities, and with or without /dev/xen/privcmd. */
function machine(
  capabilities: string | null,
  hasDevice = true,
): { procXen: string; devXen: string } {
  const base = join(root, String(count++));
  const paths = { procXen: join(base, 'proc'), devXen: join(base, 'dev') };
  for (const folder of Object.values(paths)) mkdirSync(folder, { recursive: true });
  if (capabilities !== null) writeFileSync(join(paths.procXen, 'capabilities'), capabilities);
  if (hasDevice) writeFileSync(join(paths.devXen, 'privcmd'), '');
  return paths;
}

/** Runs this without root's rights, which read and write what is forbidden to others. */
async function withoutRoot(work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('the machine this runs on', () => {
  const table: readonly (readonly [
    what: string,
    paths: ReturnType<typeof machine>,
    code: string | null,
    message: RegExp,
    hint: RegExp,
  ])[] = [
    ['a dom0', machine('control_d\n'), null, /^/, /^/],
    [
      'no Xen',
      machine(null),
      'xen-not-dom0',
      /no dom0: there is no .*capabilities/,
      /mount -t xenfs/,
    ],
    [
      'a guest',
      machine('\n'),
      'xen-not-dom0',
      /no dom0: .*capabilities lacks control_d/,
      /in dom0/,
    ],
    [
      'no privcmd',
      machine('control_d\n', false),
      'xen-no-device',
      /no .*privcmd/,
      /modprobe xen-privcmd/,
    ],
  ];
  for (const [what, paths, code, message, hint] of table) {
    it(what, async () => {
      assert.equal(await isDom0(paths), code === null || code === 'xen-no-device');
      if (code === null) await requireDom0(paths);
      else await assert.rejects(requireDom0(paths), { code, message, hint });
    });
  }

  it('somebody who is not root', async () => {
    const paths = machine('control_d\n');
    chmodSync(join(paths.devXen, 'privcmd'), 0o400);
    const expected = { code: 'xen-not-root', message: /privcmd.*EACCES/, hint: /as root/ };
    await withoutRoot(() => assert.rejects(openXen({ paths }), expected));
  });

  it('something else in the place of the device', async () => {
    const paths = machine('control_d\n', false);
    mkdirSync(join(paths.devXen, 'privcmd'));
    const expected = { code: 'xen-no-device', message: /privcmd is no device: EISDIR/ };
    await assert.rejects(openXen({ paths }), expected);
  });

  it('a library that is not there', async () => {
    const opened = openXen({ paths: machine('control_d\n'), library: 'libnot-there.so.1' });
    await assert.rejects(opened, {
      code: 'xen-no-library',
      message: /libnot-there\.so\.1/,
      hint: /libxencall1/,
    });
  });
});
