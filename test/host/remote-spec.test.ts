import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostText, parseHostSpec, withQuestions } from '../../core/host/index.js';
import { wordsOf } from '../../core/hypervisor/xen/handle/transport.js';

function wordsFor(text: string, mayAsk = false): readonly string[] {
  const spec = parseHostSpec(text);
  assert.equal(spec.kind, 'remote');
  assert.equal(hostText(spec), text);
  const asked = mayAsk ? withQuestions(spec) : spec;
  assert.equal(asked.kind, 'remote');
  return wordsOf(asked.transport, 'LINE');
}

const ALIVE = [
  ...['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3'],
  ...['-o', 'ConnectTimeout=30'],
];

describe('a host that is reached by a command', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['ssh://xen1', ['--', 'xen1', 'LINE']],
    ['ssh://xen1/', ['--', 'xen1', 'LINE']],
    ['ssh://root@xen1.example:2222', ['-p', '2222', '-l', 'root', '--', 'xen1.example', 'LINE']],
    ['ssh://[fe80::1%eth0]:22', ['-p', '22', '--', 'fe80::1%eth0', 'LINE']],
    ['ssh://an_alias', ['--', 'an_alias', 'LINE']],
  ];
  for (const [text, words] of table) {
    it(text, () => {
      const batch = ['-o', 'BatchMode=yes'];
      assert.deepEqual(wordsFor(text), ['ssh', '-T', ...ALIVE, ...batch, ...words]);
      assert.deepEqual(wordsFor(text, true), ['ssh', '-T', ...ALIVE, ...words]);
    });
  }

  it('exec: has the words of its command, and one more', () => {
    assert.deepEqual(wordsFor('exec:docker exec -i "a b" sh -c'), [
      ...['docker', 'exec', '-i', 'a b', 'sh', '-c', 'LINE'],
    ]);
  });

  for (const text of [
    'ssh:xen1',
    'ssh://',
    'ssh://-oProxyCommand=touch',
    'ssh://-l@xen1',
    'ssh://root@-xen1',
    'ssh://xen1:0',
    'ssh://xen1:99999',
    'ssh://xen 1',
    'ssh://$(id)',
    'ssh://a`b`',
    'ssh://u;v@xen1',
    'ssh://xen1/path',
    'ssh://xen1\n',
    'exec:',
    'exec: ',
    'exec:""',
    "exec:sh 'c",
    'other:x',
  ]) {
    it(`${JSON.stringify(text)} is none`, () => {
      assert.throws(() => parseHostSpec(text), { code: 'bad-host', exitCode: 64 });
    });
  }
});
