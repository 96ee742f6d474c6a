import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { XspliceError } from '../../../core/errors.js';
import { isDom0, requireDom0 } from '../../../core/hypervisor/xen/host.js';
import { openXen } from '../../../core/hypervisor/xen/index.js';

const root = mkdtempSync(join(tmpdir(), 'xsplice-host-'));
after(() => rmSync(root, { recursive: true, force: true }));

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

describe('the machine this runs on', () => {
  const table: readonly (readonly [
    what: string,
    paths: ReturnType<typeof machine>,
    code: string | null,
  ])[] = [
    ['a dom0', machine('control_d\n'), null],
    ['no Xen', machine(null), 'xen-not-dom0'],
    ['a guest', machine('\n'), 'xen-not-dom0'],
    ['no privcmd', machine('control_d\n', false), 'xen-no-device'],
  ];
  for (const [what, paths, code] of table) {
    it(what, async () => {
      assert.equal(await isDom0(paths), code === null || code === 'xen-no-device');
      if (code === null) await requireDom0(paths);
      else {
        await assert.rejects(
          requireDom0(paths),
          (error: unknown) =>
            error instanceof XspliceError && error.code === code && error.hint !== undefined,
        );
      }
    });
  }

  it('a library that is not there', async () => {
    const opened = openXen({ paths: machine('control_d\n'), library: 'libnot-there.so.1' });
    await assert.rejects(
      opened,
      (error: unknown) => error instanceof XspliceError && error.code === 'xen-no-library',
    );
  });
});
