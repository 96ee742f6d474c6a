import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sha256Of } from '../../core/payload/index.js';
import { CLI, cliEnvironment, DEMO, DEMO_IMAGE, demo, runCli } from '../support/cli.js';
import { fakeDom0 } from '../support/fake-dom0.js';
import { makeKey } from '../support/signers.js';

const root = mkdtempSync(join(tmpdir(), 'xsplice-policy-'));
after(() => rmSync(root, { recursive: true }));

const KEY = `${makeKey(join(root, 'ours'))}.pub`;
const STRANGER = `${makeKey(join(root, 'stranger'))}.pub`;

let count = 0;
/** A folder with these demo payloads, and a hypervisor that has nothing loaded. */
async function scene(...names: readonly string[]) {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  const host = `embedded:${join(folder, 'host')}`;
  const files = names.map((name) => {
    const file = join(folder, `${name}.livepatch`);
    copyFileSync(demo(name), file);
    return file;
  });
  assert.equal((await runCli(['init', '--image', DEMO_IMAGE, '--host', host])).code, 0);
  const policy = (content: object | string) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content, null, 1);
    const path = join(folder, 'policy.json');
    writeFileSync(path, text);
    return path;
  };
  return { folder, host, files, policy };
}

async function signed(...files: readonly string[]): Promise<void> {
  const { code, stderr } = await runCli(['sign', ...files, '--key', join(root, 'ours')]);
  assert.equal(code, 0, stderr);
}

/** Runs a verb with --json: its exit code, its error and the codes of its errors. */
async function outcome(words: readonly string[]) {
  const { code, stdout, stderr } = await runCli([...words, '--json']);
  assert.ok(stdout.startsWith('{'), `${stdout}${stderr}`);
  const { error, findings = [] } = JSON.parse(stdout);
  const errors = findings.filter(({ severity }: { severity: string }) => severity === 'error');
  const codes = errors.map(({ code: one }: { code: string }) => one);
  return { code, error: error?.code ?? null, codes, message: error?.message ?? '' };
}

async function loaded(host: string): Promise<readonly string[]> {
  const { stdout } = await runCli(['list', '--host', host, '--json']);
  return JSON.parse(stdout).payloads.map(({ name }: { name: string }) => name);
}

describe('a key that is trusted', () => {
  const VERBS = [
    ['apply', 'hello'],
    ['load', 'hello'],
    ['upload', 'hello'],
    ['replace', 'replace'],
  ] as const;
  for (const [verb, name] of VERBS) {
    it(`lets nothing unsigned, changed or of another key through ${verb}`, async () => {
      const { host, files } = await scene(name);
      const [file = ''] = files;
      const words = [verb, file, '--host', host, '--yes', '--trusted-key'];
      const unsigned = await outcome([...words, KEY]);
      assert.deepEqual(
        [unsigned.code, unsigned.error, unsigned.codes],
        [1, 'refused-by-policy', ['not-signed']],
      );
      await signed(file);
      assert.deepEqual((await outcome([...words, STRANGER])).codes, ['signature-wrong']);
      const original = readFileSync(file);
      // The last byte belongs to no section: Xen would not notice.
      writeFileSync(file, Buffer.concat([original, Buffer.of(0)]));
      assert.deepEqual((await outcome([...words, KEY])).codes, ['signature-wrong']);
      writeFileSync(`${file}.sig`, 'no signature');
      assert.deepEqual((await outcome([...words, KEY])).codes, ['signature-damaged']);
      assert.deepEqual(await loaded(host), []);
      writeFileSync(file, original);
      rmSync(`${file}.sig`);
      await signed(file);
      assert.equal((await outcome([...words, KEY])).code, 0);
      assert.deepEqual(await loaded(host), [name]);
    });
  }

  it('does not take the file for what somebody else has loaded', async () => {
    const { host, files } = await scene('hello');
    const [file = ''] = files;
    assert.equal((await outcome(['upload', file, '--host', host, '--yes'])).code, 0);
    await signed(file);
    for (const what of ['hello', file]) {
      const words = ['apply', what, '--host', host, '--yes', '--trusted-key', KEY];
      assert.deepEqual((await outcome(words)).codes, ['signature-unknown']);
    }
    const unload = ['unload', 'hello', '--host', host, '--yes', '--trusted-key', KEY];
    assert.equal((await outcome(unload)).code, 0);
    const words = ['apply', file, '--host', host, '--yes', '--trusted-key', KEY];
    assert.equal((await outcome(words)).code, 0);
    assert.equal(
      (await outcome(['revert', '--host', host, '--yes', '--trusted-key', KEY])).code,
      0,
    );
  });

  it('has to be a public key, and to be there', async () => {
    const { host, files } = await scene('hello');
    const [file = ''] = files;
    const words = ['apply', file, '--host', host, '--yes', '--trusted-key'];
    for (const key of [join(root, 'ours'), file, join(root, 'absent'), root, '/dev/zero']) {
      const { code, error } = await outcome([...words, key]);
      assert.deepEqual(
        [code, ['key-invalid', 'folder-not-trusted'].includes(error)],
        [1, true],
        key,
      );
    }
    assert.deepEqual(await loaded(host), []);
  });
});

describe('a policy', () => {
  const apply = (host: string, file: string, policy: string) =>
    outcome(['apply', file, '--host', host, '--yes', '--policy', policy]);

  it('blocks and allows by digest, build-id and name', async () => {
    const { host, files, policy } = await scene('hello');
    const [file = ''] = files;
    const { stdout } = await runCli(['inspect', file, '--json']);
    const buildId: string = JSON.parse(stdout).files[0].buildId.id;
    const own = { digests: [sha256Of(readFileSync(file))], buildIds: [buildId], names: ['hello'] };
    const others = { digests: ['0'.repeat(64)], buildIds: ['00'.repeat(20)], names: ['other'] };
    for (const [field, value] of Object.entries(own)) {
      const only = {
        [field]: value.map((text) => (field === 'names' ? text : text.toUpperCase())),
      };
      const blocked = await apply(host, file, policy({ formatVersion: 1, block: only }));
      assert.deepEqual([blocked.error, blocked.codes], ['refused-by-policy', ['policy-blocks']]);
      assert.match(blocked.message, /policy\.json names its (digest|build-id|name) /);
    }
    const notAllowed = await apply(host, file, policy({ formatVersion: 1, allow: others }));
    assert.deepEqual(notAllowed.codes, ['policy-not-allowed']);
    assert.deepEqual(await loaded(host), []);
    const allow = { names: ['other', 'hello'] };
    const both = policy({ formatVersion: 1, allow, block: others });
    assert.equal((await apply(host, file, both)).code, 0);
  });

  it('blocks what is loaded already', async () => {
    const { host, files, policy } = await scene('hello');
    assert.equal((await outcome(['upload', files[0] ?? '', '--host', host, '--yes'])).code, 0);
    const blocked = policy({ formatVersion: 1, block: { names: ['hello'] } });
    assert.deepEqual((await apply(host, 'hello', blocked)).codes, ['policy-blocks']);
  });

  it('says which dangers are never accepted', async () => {
    const { host, policy } = await scene();
    const file = join(DEMO, 'dangerous', 'nop-misaligned.livepatch');
    const words = ['apply', file, '--host', host, '--yes', '--accept', 'nop-splits-instruction'];
    const never = policy({ formatVersion: 1, neverAccept: ['nop-splits-instruction'] });
    const refused = await outcome([...words, '--policy', never]);
    assert.deepEqual(
      [refused.error, refused.codes],
      ['refused-by-policy', ['policy-forbids-accept']],
    );
    const other = policy({ formatVersion: 1, neverAccept: ['init-code'] });
    assert.equal((await outcome([...words, '--policy', other])).code, 0);
  });

  it('with a mistake refuses all changes, and says the line', async () => {
    const { host, files, policy } = await scene('hello');
    const [file = ''] = files;
    const MISTAKES = [
      [
        '{\n "formatVersion": 1,\n "requireSignatures": true\n}',
        /:3: requireSignatures is not known/,
      ],
      ['{\n "formatVersion": 2\n}', /:2: formatVersion is 2, expected 1/],
      ['{\n "formatVersion": 1,\n "requireSignature": "yes"\n}', /:3: .* expected true or false/],
      ['{\n "formatVersion": 1,\n\n "requireSignature": true\n}', /:4: .* there are no keys/],
      ['{"formatVersion": 1, "block": {"digests": ["12"]}}', /:1: block\.digests\.0 is "12"/],
      ['{"formatVersion": 1, "neverAccept": ["fork"]}', /:1: neverAccept\.0 is "fork"/],
      ['{"formatVersion": 1,}', /:1: /],
      ['', /:1: /],
    ] as const;
    for (const [text, message] of MISTAKES) {
      for (const verb of [['apply', file], ['revert']]) {
        const words = [...verb, '--host', host, '--yes', '--policy', policy(text)];
        const { code, error, message: said } = await outcome(words);
        assert.deepEqual([code, error], [1, 'policy-invalid'], text);
        assert.match(said, message);
      }
    }
    const absent = await apply(host, file, join(root, 'absent.json'));
    assert.deepEqual([absent.code, absent.error], [1, 'policy-invalid']);
    const noKey = policy({ formatVersion: 1, requireSignature: true, keys: ['absent.pub'] });
    assert.equal((await apply(host, file, noKey)).error, 'key-invalid');
    assert.deepEqual(await loaded(host), []);
  });

  it('that somebody else could have written refuses all changes', async () => {
    const { host, files, policy } = await scene('hello');
    const path = policy({ formatVersion: 1 });
    chmodSync(path, 0o666);
    assert.equal((await apply(host, files[0] ?? '', path)).error, 'folder-not-trusted');
    chmodSync(path, 0o644);
    assert.equal((await apply(host, files[0] ?? '', path)).code, 0);
  });

  const isRoot = process.geteuid?.() === 0;
  const noMount = !isRoot || spawnSync('unshare', ['-m', 'true']).status !== 0;
  it('of the machine holds, whatever is typed', { skip: noMount && 'needs a mount' }, async () => {
    const { folder, host, files } = await scene('hello');
    const [file = ''] = files;
    const etc = join(folder, 'etc', 'xsplice-ts');
    mkdirSync(etc, { recursive: true });
    copyFileSync(KEY, join(etc, 'release.pub'));
    const content = { formatVersion: 1, requireSignature: true, keys: ['release.pub'] };
    writeFileSync(join(etc, 'policy.json'), JSON.stringify(content));
    const run = (...words: string[]) => {
      const script = `mount --bind ${join(folder, 'etc')} /etc && exec "$0" "$@"`;
      const all = ['-m', 'sh', '-c', script, process.execPath, CLI, ...words, '--host', host];
      const { status, stdout, stderr } = spawnSync('unshare', [...all, '--yes'], {
        env: cliEnvironment(),
        encoding: 'utf8',
      });
      return { status, text: `${stdout}${stderr}` };
    };
    const refused = run('apply', file);
    assert.equal(refused.status, 1, refused.text);
    assert.match(refused.text, /hello is not signed: \/etc\/xsplice-ts\/policy\.json wants/);
    assert.equal(run('apply', file, '--trusted-key', STRANGER).status, 1);
    await signed(file);
    const done = run('apply', file);
    assert.equal(done.status, 0, done.text);
    assert.equal(run('revert').status, 0);
  });
});

describe('verify-signature', () => {
  it('tells rejected from unreadable, and names the key', async () => {
    const { files } = await scene('hello', 'bye');
    const [hello = '', bye = ''] = files;
    await signed(hello);
    const words = ['verify-signature', '--trusted-key', KEY];
    const one = await runCli([...words, hello]);
    assert.equal(one.code, 0, one.stderr);
    assert.match(one.stdout, /^signed +\S+hello\.livepatch +by [0-9a-f]{16} /);
    assert.equal((await outcome([...words, hello, join(root, 'absent')])).code, 1);
    const two = await outcome([...words, hello, bye, join(root, 'absent')]);
    assert.deepEqual([two.code, two.codes], [3, ['file-not-found', 'not-signed']]);
    assert.equal((await runCli(['verify-signature', hello])).code, 64);
  });

  it('does not believe what a signature says of itself', async () => {
    const { files } = await scene('hello');
    const [file = ''] = files;
    writeFileSync(`${file}.minisig`, 'untrusted comment: \x1b[2J\x1b]0;x\x07\nQUJD\n');
    const { code, stdout, stderr } = await runCli(['verify-signature', file, '--trusted-key', KEY]);
    assert.equal(code, 3);
    for (const raw of ['\x1b', '\x07']) assert.ok(!`${stdout}${stderr}`.includes(raw));
  });
});

describe('sign', () => {
  it('replaces nothing unless it is told to, and needs a secret key', async () => {
    const { files } = await scene('hello');
    const [file = ''] = files;
    await signed(file);
    const words = ['sign', file, '--key'];
    assert.equal((await runCli([...words, join(root, 'ours')])).code, 64);
    assert.equal((await runCli([...words, join(root, 'ours'), '--yes'])).code, 0);
    assert.equal((await outcome([...words, KEY, '--yes'])).error, 'key-invalid');
    assert.equal((await runCli(['sign', file])).code, 64);
  });
});

describe('the policy of another machine', () => {
  /** A dom0 at the other end of a connection, with this policy; and a file of its rules. */
  function machine(policy: object | string) {
    // The lock is a socket, whose path has a hundred bytes.
    const folder = mkdtempSync(join(tmpdir(), 'far-'));
    after(() => rmSync(folder, { recursive: true }));
    const dom0 = fakeDom0(folder);
    const rules = join(dom0.root, 'etc', 'xsplice-ts');
    mkdirSync(rules, { recursive: true });
    copyFileSync(KEY, join(rules, 'ours.pub'));
    const text = typeof policy === 'string' ? policy : JSON.stringify(policy, null, 1);
    writeFileSync(join(rules, 'policy.json'), text);
    const words = ['--host', dom0.transport.spec, '--store', join(folder, 'store')];
    return { dom0, rules, words };
  }
  const REQUIRED = { formatVersion: 1, requireSignature: true, keys: ['ours.pub'] };

  it('lets nothing unsigned through, whoever asks, and is named', async () => {
    const { files } = await scene('hello');
    const { dom0, words } = machine(REQUIRED);
    const unsigned = await outcome(['apply', ...files, '--yes', ...words]);
    assert.deepEqual(
      [unsigned.code, unsigned.error, unsigned.codes],
      [1, 'refused-by-policy', ['not-signed']],
    );
    assert.ok(unsigned.message.includes(`${dom0.transport.spec}:/etc/xsplice-ts/policy.json`));
    await signed(...files);
    const done = await outcome(['apply', ...files, '--yes', ...words]);
    assert.deepEqual([done.code, done.message], [0, '']);
    assert.deepEqual(dom0.payloads(), ['hello*']);
  });

  it('refuses all changes where it has a mistake, a key of another place, or somebody else could write it', async () => {
    const { files } = await scene('hello');
    const apply = async ({ words }: { readonly words: readonly string[] }) =>
      (await outcome(['apply', ...files, '--yes', ...words])).error;
    assert.equal(await apply(machine('{ "formatVersion": 1, "oops": 1 }')), 'policy-invalid');
    for (const key of ['/etc/passwd', '../../tmp/key.pub', 'absent.pub']) {
      assert.equal(await apply(machine({ ...REQUIRED, keys: [key] })), 'key-invalid', key);
    }
    const open = machine(REQUIRED);
    chmodSync(join(open.rules, 'policy.json'), 0o666);
    assert.equal(await apply(open), 'policy-invalid');
    assert.match((await runCli(['list', ...open.words])).stdout, /Nothing is applied/);
  });
});

describe('status', () => {
  async function statusOf(host: string, ...words: readonly string[]) {
    const { code, stdout, stderr } = await runCli(['status', '--host', host, '--json', ...words]);
    assert.ok(stdout.startsWith('{'), stderr);
    const { isAsWanted, policies, signatures, findings } = JSON.parse(stdout);
    const codes = findings.map((one: { readonly code: string }) => one.code);
    return { code, isAsWanted, policies, signatures, codes };
  }

  it('says which rules hold, who signed what is applied, and what is against it', async () => {
    const { host, files, policy } = await scene('hello', 'bye');
    const [hello = '', bye = ''] = files;
    await signed(hello);
    assert.equal((await outcome(['apply', hello, bye, '--host', host, '--yes'])).code, 0);
    assert.equal((await outcome(['save', '--host', host])).code, 0);
    const none = await statusOf(host);
    assert.deepEqual([none.code, none.policies, none.signatures], [0, [], []]);
    const file = policy({ formatVersion: 1, requireSignature: true, keys: [KEY] });
    const found = await statusOf(host, '--policy', file);
    assert.deepEqual([found.code, found.isAsWanted], [4, false]);
    assert.deepEqual(found.policies, [{ source: file, requireSignature: true, keys: 1 }]);
    assert.deepEqual(
      found.signatures.map(({ name, signature, key }: Record<string, unknown>) => [
        name,
        signature,
        key !== null,
      ]),
      [
        ['hello', 'verified', true],
        ['bye', 'unsigned', false],
      ],
    );
    assert.deepEqual(found.codes, ['not-signed']);
    const { stdout } = await runCli(['status', '--host', host, '--policy', file]);
    assert.match(stdout, /Policy +.*: signatures are required, 1 key\n/);
    assert.match(stdout, /Policy +hello signed by .*, bye not signed\n/);
  });

  it('says of a payload that is blocked now, of a file that is not kept, and of a policy with a mistake', async () => {
    const { host, files, policy } = await scene('hello');
    await outcome(['apply', ...files, '--host', host, '--yes', '--no-store']);
    const blocked = policy({ formatVersion: 1, block: { names: ['hello'] } });
    const one = await statusOf(host, '--policy', blocked);
    assert.deepEqual([one.code, one.codes], [4, ['policy-blocks']]);
    assert.equal(one.signatures[0].signature, 'unknown');
    const wrong = await statusOf(host, '--policy', policy('{ "formatVersion": 1, "oops": 1 }'));
    assert.deepEqual([wrong.code, wrong.codes], [4, ['policy-invalid']]);
  });
});
