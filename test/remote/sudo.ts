import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, openRemoteXen, type Transport } from '../../core/hypervisor/xen/index.js';
import { parseWillRecord, WILL_RECORD } from '../../core/hypervisor/xen/will-record.js';
import { unpackRoot } from '../../rig/packages.js';
import { run } from '../../rig/run.js';
import { fakeDom0 } from '../support/fake-dom0.js';
import { longChain } from '../support/hostile-payloads.js';
import { repositoryRoot } from '../support/repository.js';

/** Who may be root by sudo without a password, and who would be asked for one. */
const ADMIN = 1000;
const OTHER = 1001;
const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/root:/bin/sh\nadmin:x:${ADMIN}:1000::/:/bin/sh\nother:x:${OTHER}:1000::/:/bin/sh\n`,
  'etc/group': 'root:x:0:\nusers:x:1000:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
  'etc/hosts': '127.0.0.1 localhost\n',
  'etc/pam.d/other':
    'auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n',
};

/** Its /proc is there for this command alone, and goes with it. */
const IN_ROOT = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount -t proc proc "$1/proc" && user=$2 root=$1 && shift 2 && exec chroot --userspec="$user:1000" "$root" "$@"',
  'sh',
];

/** Debian's own sudo, in a root of Debian's that is entered with chroot; needs root. */
export function describeSudo(): void {
  const root = mkdtempSync(join(tmpdir(), 'xsplice-sudo-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  const as = (user: number, ...words: readonly string[]): Transport => ({
    ...{ kind: 'exec', spec: 'exec:sudo' },
    words: [...IN_ROOT, root, String(user), ...words],
  });
  const settings = (more: string) => {
    const file = join(root, 'etc/sudoers');
    rmSync(file, { force: true });
    writeFileSync(file, `admin ALL=(root) NOPASSWD: ALL\nother ALL=(root) ALL\n${more}`);
    chmodSync(file, 0o440);
  };
  const prepared = (async () => {
    const packages = ['sudo', 'python3', 'dash', 'coreutils', 'libpam-modules', 'libpam-runtime'];
    const tree = await unpackRoot('bookworm', packages);
    // cp keeps what makes sudo root; node's own copy does not.
    run('cp', ['-a', `${tree.root}/.`, root]);
    for (const folder of ['etc/pam.d', 'tmp', 'run', 'dev', 'proc']) {
      mkdirSync(join(root, folder), { recursive: true });
    }
    for (const [file, text] of Object.entries(FILES)) writeFileSync(join(root, file), text);
    rmSync(join(root, 'etc/pam.d/sudo'), { force: true });
    run('cp', ['-a', '/dev/null', '/dev/urandom', join(root, 'dev')]);
    appendFileSync(join(root, 'etc/hosts'), `127.0.0.1 ${readFileSync('/etc/hostname', 'utf8')}`);
    settings('');
  })();
  prepared.catch(() => undefined);

  describe("Debian's sudo", () => {
    it('the agent becomes root by it where the user is another one', async () => {
      await prepared;
      const connection = await connect(as(ADMIN, '/bin/sh', '-c'));
      assert.equal(connection.hello.user, 0);
      await assert.rejects(openRemoteXen(connection), { code: 'xen-not-dom0' });
    });

    it('the command is sudo itself', async () => {
      await prepared;
      const connection = await connect(as(ADMIN, 'sudo', '-n', '/bin/sh', '-c'));
      assert.equal(connection.hello.user, 0);
      await connection.close();
    });

    it('that would ask for a password is said, with what to do', async () => {
      await prepared;
      for (const words of [[], ['sudo', '-n']]) {
        await assert.rejects(connect(as(OTHER, ...words, '/bin/sh', '-c')), {
          code: 'agent-not-root',
          message: /sudo: a password is required$/,
        });
      }
    });

    for (const more of ['', 'Defaults use_pty\n']) {
      const how = more === '' ? '' : ', in a terminal of its own';
      it(`that is killed in a change${how}: the agent takes back what was done`, async () => {
        await prepared;
        settings(more);
        const folder = mkdtempSync(join(root, 'tmp', 'dom0-'));
        const dom0 = fakeDom0(folder);
        cpSync(join(repositoryRoot(), 'test/support/fake-dom0.py'), join(folder, 'fake-dom0.py'));
        const inside = folder.slice(root.length);
        const words = ['sudo', '-n', 'python3', `${inside}/fake-dom0.py`, inside];
        const connection = await connect(as(ADMIN, ...words));
        const { port } = await openRemoteXen(connection);
        const [bytes = new Uint8Array()] = longChain(1, 1);
        const doing = port.exclusive(async () => {
          await Promise.all([port.lastWill?.begin('apply'), port.observe()]);
          await port.upload('p', bytes);
          await port.act('p', 'APPLY', { timeoutNs: 0, nodeps: false });
          assert.deepEqual(dom0.payloads(), ['p*']);
          process.kill(connection.processId ?? 0, 'SIGKILL');
          for (;;) await port.observe();
        });
        await assert.rejects(doing, { code: 'agent-lost' });
        const record = join(dom0.root, WILL_RECORD);
        const text = () => (existsSync(record) ? readFileSync(record, 'utf8') : '');
        for (let waited = 0; !text().includes(' ends: ') && waited < 60_000; waited += 100) {
          await pause(100);
        }
        assert.equal(parseWillRecord(text())?.end, 'done', text());
        assert.deepEqual(dom0.payloads(), []);
      });
    }
  });
}
