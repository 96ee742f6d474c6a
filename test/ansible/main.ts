/**
 * The collection of ansible/ with Debian's ansible-core: plays against embedded hypervisors, and against hosts that
 * are network namespaces, each with a real sshd: `npm run test:ansible`. Needs ansible-core, and for the namespaces root,
 * iproute2 and openssh-server.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DEMO_IMAGE, demo, runCli } from '../support/cli.js';
import { Namespaces } from './namespaces.js';
import { PROGRAM, playsIn, task } from './play.js';

const root = mkdtempSync(join(tmpdir(), 'xsplice-ansible-'));
after(() => rmSync(root, { recursive: true }));
const play = playsIn(root);

describe('the collection', () => {
  const host = `embedded:${join(root, 'hosts')}/{{ inventory_hostname }}`;
  const hosts = { a: '', b: '', c: '' };
  const files = [demo('bye'), demo('hello')];

  before(async () => {
    for (const name of ['a', 'b']) {
      const spec = `embedded:${join(root, 'hosts', name)}`;
      assert.equal((await runCli(['init', '--image', DEMO_IMAGE, '--host', spec])).code, 0);
    }
  });

  it('says in check mode what would change, with the difference, and changes nothing', () => {
    const tasks = [task('livepatch', { payloads: files, host }), task('livepatch_info', { host })];
    const { results, status } = play({ a: '', b: '' }, tasks, ['--check', '--diff']);
    assert.equal(status, 0);
    for (const name of ['a', 'b']) {
      const [would, is] = results[name] ?? [];
      assert.deepEqual([would?.['changed'], would?.['stack']], [true, ['hello', 'bye']]);
      assert.deepEqual((would?.['diff'] as { after: string } | undefined)?.after, 'hello\nbye\n');
      assert.deepEqual([is?.['changed'], is?.['stack']], [false, []]);
    }
  });

  it('changes the hosts that it can, says why it fails on another one, and is idempotent', () => {
    const tasks = [task('livepatch', { payloads: files, host })];
    const first = play(hosts, tasks);
    assert.notEqual(first.status, 0);
    for (const name of ['a', 'b']) {
      const [done] = first.results[name] ?? [];
      assert.deepEqual([done?.['changed'], done?.['stack']], [true, ['hello', 'bye']]);
    }
    const [failed] = first.results['c'] ?? [];
    assert.deepEqual([failed?.['failed'], failed?.['code']], [true, 'state-absent']);
    const again = play({ a: '', b: '' }, tasks);
    assert.equal(again.status, 0);
    const [same] = again.results['a'] ?? [];
    assert.deepEqual([same?.['changed'], same?.['steps']], [false, []]);
  });

  it('replaces, reverts to a name and to nothing', () => {
    const only = [demo('replace')];
    const { results, output } = play({ a: '' }, [
      task('livepatch', { state: 'reverted', to: 'hello', host }),
      task('livepatch', { state: 'replaced', payloads: only, host }),
      task('livepatch_info', { host }),
      task('livepatch', { state: 'reverted', host }),
      task('livepatch', { state: 'reverted', host }),
    ]);
    const stacks = (results['a'] ?? []).map(({ changed, stack }) => [changed, stack]);
    const expected = [
      [true, ['hello']],
      [true, ['replace']],
      [false, ['replace']],
      [true, []],
      [false, []],
    ];
    assert.deepEqual(stacks, expected, output);
  });

  it('refuses with the code and the words of the program', () => {
    const wrong = [demo('wrong-version')];
    const cases = [
      [{ payloads: wrong, host }, 'would-be-refused'],
      [{ payloads: files, host, trusted_keys: ['absent.pub'] }, 'key-invalid'],
      [{ payloads: ['absent.livepatch'], host }, 'file-not-found'],
      [{ payloads: files, host: 'ssh://-oProxyCommand=x' }, 'bad-host'],
      [{ payloads: [], host }, undefined],
      [{ state: 'reverted', payloads: files, host }, undefined],
    ] as const;
    for (const [words, code] of cases) {
      const [failed] = play({ a: '' }, [task('livepatch', words)]).results['a'] ?? [];
      assert.equal(failed?.['failed'], true, JSON.stringify(words));
      assert.equal(failed?.['code'], code, JSON.stringify(failed));
      assert.ok(String(failed?.['msg']).length > 10);
      assert.equal(failed?.['exception'], undefined);
    }
  });

  it('is documented, and can be built', () => {
    const env = { ...process.env, ANSIBLE_COLLECTIONS_PATH: root };
    for (const name of ['livepatch', 'livepatch_info']) {
      const { stdout, status } = spawnSync('ansible-doc', ['--json', `xsplice.xen.${name}`], {
        env,
        encoding: 'utf8',
      });
      assert.equal(status, 0);
      const { doc, examples, return: returned } = JSON.parse(stdout)[`xsplice.xen.${name}`];
      assert.ok(doc.short_description && examples && returned);
      assert.ok('host' in doc.options && 'executable' in doc.options);
    }
    const folder = join(root, 'ansible_collections', 'xsplice', 'xen');
    const words = ['collection', 'build', folder, '--output-path', join(root, 'built')];
    const { status, stderr } = spawnSync('ansible-galaxy', words, { env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.ok(existsSync(join(root, 'built', 'xsplice-xen-0.1.0.tar.gz')));
  });
});

const whyNot = Namespaces.whyNot();
describe('over ssh, on several hosts', { skip: whyNot ?? false }, () => {
  let fleet: Namespaces;
  before(() => {
    fleet = new Namespaces(join(root, 'fleet'), 3);
  });
  after(() => fleet.close());

  it('reaches each as Ansible would, and goes on where one is away', () => {
    const common = `ansible_user=root ansible_ssh_private_key_file=${fleet.key}`;
    const arguments_ = `ansible_ssh_common_args='${fleet.sshOptions.join(' ')}'`;
    const hosts = Object.fromEntries(
      fleet.addresses.map((address, index) => [
        `host${index + 1}`,
        `ansible_host=${address} ${common} ${arguments_}`,
      ]),
    );
    fleet.stop(2);
    // Else a play ends where all hosts of one batch failed.
    const asked = { ...task('livepatch_info', {}), ignore_errors: true };
    const { results } = play(hosts, [asked], [], fleet.inside);
    const codes = Object.entries(results).map(([name, [result]]) => [name, result?.['code']]);
    // Two answer, with the agent that was sent along: they are no dom0. The third has no sshd.
    assert.deepEqual(Object.fromEntries(codes), {
      host1: 'xen-not-dom0',
      host2: 'xen-not-dom0',
      host3: 'exec-failed',
    });
  });

  it('brings all to one stack by a program that runs there', async () => {
    const address = '{{ ansible_host }}';
    const ssh = ['ssh', '-i', fleet.key, ...fleet.sshOptions, `root@${address}`];
    const spec = `embedded:${join(root, 'there')}/{{ inventory_hostname }}`;
    const hosts = Object.fromEntries(
      fleet.addresses.slice(0, 2).map((one, index) => [`host${index + 1}`, `ansible_host=${one}`]),
    );
    for (const name of Object.keys(hosts)) {
      const host = `embedded:${join(root, 'there', name)}`;
      assert.equal((await runCli(['init', '--image', DEMO_IMAGE, '--host', host])).code, 0);
    }
    const words = {
      executable: [...ssh, process.execPath, PROGRAM],
      payloads: [demo('hello'), demo('bye')],
      host: spec,
    };
    const run = () => play(hosts, [task('livepatch', words)], ['--diff'], fleet.inside);
    for (const changed of [true, false]) {
      const { results, output } = run();
      for (const name of Object.keys(hosts)) {
        const [done] = results[name] ?? [];
        assert.deepEqual([done?.['changed'], done?.['stack']], [changed, ['hello', 'bye']], output);
      }
    }
  });
});
