import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import test, { type TestContext } from 'node:test';
import { JsonMistake, readJsonText } from '../../cli/config/json-text.js';
import { matcher } from '../../core/inputs/index.js';
import { DEMO, DEMO_IMAGE, demo, runCli, temporaryFolder } from '../support/cli.js';
import { cpuMs } from '../support/cpu-time.js';
import { readJunit } from '../support/junit.js';
import { anotherBuild, forAnotherBuild } from '../support/other-image.js';
import { readSarif } from '../support/report-formats.js';

/** A repository of payloads: two hypervisors, a waived hazard. */
function sampleRepository(context: TestContext): string {
  const root = temporaryFolder(context);
  const copy = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
  };
  copy(DEMO_IMAGE, 'images/a');
  writeFileSync(join(root, 'images/b'), anotherBuild(1));
  for (const name of ['chain-01', 'chain-02', 'chain-03']) {
    copy(demo(name), `fixes/deep/${name}.livepatch`);
  }
  mkdirSync(join(root, 'other'));
  writeFileSync(join(root, 'fixes/b.livepatch'), forAnotherBuild(demo('hello'), 1));
  copy(join(DEMO, 'dangerous', 'nop-misaligned.livepatch'), 'risky/nop.livepatch');
  writeConfig(root, {
    targets: [
      { name: 'a', image: 'images/a', payloads: 'fixes' },
      { name: 'b', image: 'images/b', payloads: ['fixes/**/*.livepatch'] },
      { name: 'risky', image: 'images/a', payloads: ['risky/*.livepatch'], mode: 'alternatives' },
    ],
    waivers: [
      {
        code: 'nop-splits-instruction',
        file: 'risky/nop.livepatch',
        reason: 'looked at, not reachable',
        expires: '2999-12-31',
      },
    ],
  });
  return root;
}

function writeConfig(root: string, config: unknown): string {
  const file = join(root, 'xsplice.config.json');
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  return file;
}

interface Document {
  readonly ok: boolean;
  readonly skipped: readonly string[];
  readonly targets: readonly {
    readonly target: string;
    readonly ok: boolean;
    readonly hypervisor: { readonly buildId: string | null };
    readonly verdicts: readonly {
      readonly file: string;
      readonly outcome: string;
      readonly inChain: { readonly outcome: string } | null;
    }[];
    readonly findings: readonly {
      readonly code: string;
      readonly message: string;
      readonly waiver?: { reason: string };
    }[];
  }[];
  readonly findings: readonly {
    readonly code: string;
    readonly line?: number;
    readonly file: string;
  }[];
}

async function checkRepository(
  root: string,
  ...words: readonly string[]
): Promise<{ readonly code: number | null; readonly document: Document; readonly stderr: string }> {
  const config = ['--config', join(root, 'xsplice.config.json')];
  const { code, stdout, stderr } = await runCli(['check', ...config, '--json', ...words]);
  return { code, document: JSON.parse(stdout), stderr };
}

test('each target has its payloads, and one that two mean is of whom it was built for', async (t) => {
  const root = sampleRepository(t);
  const { code, document } = await checkRepository(root);
  assert.equal(code, 0, JSON.stringify(document, null, 1));
  const files = document.targets.map(({ target, verdicts }) => [
    target,
    verdicts.map(({ file }) => relative(root, file)),
  ]);
  assert.deepEqual(files, [
    ['a', ['chain-01', 'chain-02', 'chain-03'].map((name) => `fixes/deep/${name}.livepatch`)],
    ['b', ['fixes/b.livepatch']],
    ['risky', ['risky/nop.livepatch']],
  ]);
  const waived = document.targets[2]?.findings.filter(({ waiver }) => waiver !== undefined);
  assert.deepEqual(
    waived?.map(({ code, waiver }) => [code, waiver?.reason]),
    [['nop-splits-instruction', 'looked at, not reachable']],
  );
});

test('a waiver that is over is an error at its line, one that finds nothing a warning', async (t) => {
  const root = sampleRepository(t);
  const file = join(root, 'xsplice.config.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  config.waivers[0].expires = '2020-01-31';
  config.waivers.push({ ...config.waivers[0], file: 'nowhere/*', expires: '2999-01-01' });
  writeConfig(root, config);
  const { code, document } = await checkRepository(root);
  assert.equal(code, 3);
  const lines = readFileSync(file, 'utf8').split('\n');
  const at = lines.flatMap((text, index) => (text === '    {' ? [index + 1] : [])).slice(-2);
  assert.deepEqual(
    document.findings.map((found) => [found.code, found.line]),
    [
      ['waiver-expired', at[0]],
      ['waiver-unused', at[1]],
    ],
  );
  assert.equal(document.targets[2]?.ok, false, 'the hazard counts again');
});

test('a target is an image, a build-id, a release, or the last two, and says what it does not know', async (t) => {
  const root = sampleRepository(t);
  const payloads = 'fixes/deep';
  writeConfig(root, {
    targets: [
      { name: 'image', image: 'images/a', payloads },
      { name: 'id', buildId: 'b47c8ae8', payloads },
      { name: 'release', xen: '4.17', payloads },
      { name: 'both', buildId: 'b47c8ae8', xen: '4.17', payloads },
      { name: 'old', xen: '4.12', payloads },
      { name: 'empty', xen: '4.17', payloads: 'nothing/*' },
      { name: 'unread', xen: '4.17', payloads: 'xsplice.config.json' },
    ],
  });
  const { code, document } = await checkRepository(root);
  assert.equal(code, 3);
  const id = /^id=b47c8ae8/;
  const seen = document.targets.map((one) => ({
    target: one.target,
    id: `id=${one.hypervisor.buildId}`,
    outcomes: [...new Set(one.verdicts?.map((v) => (v.inChain ?? v).outcome))].join(),
    codes: [...new Set(one.findings.map((found) => found.code))].sort(),
  }));
  const expected = [
    ['image', id, 'accepted', []],
    ['id', id, '', []],
    ['release', id, 'accepted', ['hypervisor-assumed']],
    ['both', id, 'accepted', ['hypervisor-assumed']],
    ['old', id, 'refused', ['hypervisor-assumed', 'section-not-used', 'would-be-refused']],
    ['empty', /^id=null$/, '', ['hypervisor-assumed', 'no-payloads']],
    ['unread', /^id=null$/, 'refused', ['elf-not-elf', 'hypervisor-assumed']],
  ] as const;
  for (const [index, [target, ofId, outcomes, codes]] of expected.entries()) {
    const { id: found, ...rest } = seen[index] ?? { id: '' };
    assert.match(found, ofId, target);
    assert.deepEqual(rest, { target, outcomes, codes });
  }
  const told = document.targets.flatMap(({ findings }) =>
    findings.flatMap(({ code: one, message }) => (one === 'hypervisor-assumed' ? [message] : [])),
  );
  assert.match(told[0] ?? '', /only that it is Xen 4\.17 is known: .*taken to be b47c8ae82c7e/);
  assert.match(told[1] ?? '', /only its build-id and that it is Xen 4\.17 are known: [^;]*$/);
});

test('every mistake in a configuration is told with its line', async (t) => {
  const root = temporaryFolder(t);
  const cases: readonly (readonly [string, readonly (readonly [number, RegExp])[]])[] = [
    ['{\n  "targets": [\n}', [[3, /expected a value, found "}"/]]],
    ['{ "targets": [] }', [[1, /targets is empty/]]],
    ['[]', [[1, /is a list, expected an object/]]],
    ['{ "targets": [], "targets": [] }', [[1, /"targets" stands here twice/]]],
    [
      '{\n "targets": [\n  { "name": "a", "payloads": 5 },\n  { "name": "b", "image": "x", "buildId": "zz", "payloads": [], "moed": "chain" }\n ],\n "waivers": [\n  { "code": "fork", "file": "x", "reason": " ", "expires": "soon" }\n ]\n}',
      [
        [3, /targets\.0 has none of image, buildId, xen/],
        [3, /payloads is a number, expected a text or a list/],
        [4, /targets\.1 has both image and buildId/],
        [4, /buildId is "zz"/],
        [4, /payloads is empty/],
        [4, /moed is not known here; known are name/],
        [7, /code is "fork", expected one of/],
        [7, /reason is empty/],
        [7, /expires is "soon"/],
      ],
    ],
    [
      '{ "targets": [\n{ "name": "a", "image": "x", "payloads": "p" },\n{ "name": "a", "buildId": "00112233", "payloads": "p", "check": "both" }],\n"waivers": [{ "code": "init-code", "file": "x", "reason": "r", "target": "c", "expires": "2026-02-30" }]}',
      [
        [3, /name "a" stands here twice/],
        [4, /target is "c", which is no target/],
        [4, /expires is 2026-02-30, which is no date/],
        [3, /compares code, which needs an image/],
      ],
    ],
  ];
  for (const [text, expected] of cases) {
    const file = writeConfig(root, text);
    const { code, stdout } = await runCli(['check', '--config', file, '--json']);
    assert.equal(code, 64, text);
    const { error, findings } = JSON.parse(stdout);
    assert.equal(error.code, 'config-invalid');
    const found = findings as { line: number; message: string }[];
    assert.deepEqual(
      found.map(({ line }) => line),
      expected.map(([line]) => line),
      JSON.stringify(found, null, 1),
    );
    for (const [index, [, message]] of expected.entries()) {
      assert.match(found[index]?.message ?? '', message);
    }
  }
});

test('a payload of no target is a finding, whether it was named or means another hypervisor', async (t) => {
  const root = sampleRepository(t);
  copyFileSync(demo('wrong-xen-depends'), join(root, 'fixes', 'stray.livepatch'));
  const { code, document } = await checkRepository(root);
  assert.equal(code, 3);
  assert.deepEqual(
    document.findings.map((found) => [found.code, relative(root, found.file)]),
    [['no-target', 'fixes/stray.livepatch']],
  );
  const named = await checkRepository(root, demo('hello'), join(root, 'fixes/b.livepatch'));
  assert.equal(named.code, 3);
  assert.deepEqual(
    named.document.findings.flatMap(({ code, file }) => (code === 'no-target' ? file : [])),
    [demo('hello')],
  );
  const answered = named.document as unknown as { target: string };
  assert.equal(answered.target, 'b', 'the one target whose payload was named');
});

test('an image that cannot be used leaves its target without verdicts, and the others with theirs', async (t) => {
  const root = sampleRepository(t);
  rmSync(join(root, 'images/b'));
  rmSync(join(root, 'fixes/b.livepatch'));
  const { code, document } = await checkRepository(root);
  assert.equal(code, 1);
  assert.deepEqual(
    document.findings.map((found) => found.code),
    ['not-verified'],
  );
  assert.deepEqual(
    document.targets.map(({ target }) => target),
    ['a', 'risky'],
  );
});

function git(root: string, ...words: readonly string[]): void {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=m'];
  const { status, stderr } = spawnSync('git', [...who, ...words], { cwd: root, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

test('--since answers for the targets that a change touches, and an unknown revision is no success', async (t) => {
  const root = sampleRepository(t);
  const outside = await checkRepository(root, '--since', 'HEAD');
  assert.equal(outside.code, 1, 'no repository');
  git(root, 'init');
  git(root, 'add', '.');
  git(root, 'commit', '-m', 'one');
  git(root, 'tag', 'v1');
  const skippedAfter = async (since: string) => {
    const { code, document } = await checkRepository(root, '--since', since);
    assert.equal(code, 0, JSON.stringify(document));
    return document.skipped;
  };
  assert.deepEqual(await skippedAfter('v1'), ['a', 'b', 'risky']);
  writeFileSync(join(root, 'README'), 'nothing');
  assert.deepEqual(await skippedAfter('v1'), ['a', 'b', 'risky']);
  copyFileSync(demo('chain-04'), join(root, 'fixes', 'chain-04.livepatch'));
  assert.deepEqual(await skippedAfter('HEAD'), ['risky'], 'a file that git does not know yet');
  git(root, 'add', '.');
  git(root, 'commit', '-m', 'two');
  assert.deepEqual(await skippedAfter('v1'), ['risky']);
  git(root, 'rm', '-q', 'risky/nop.livepatch');
  const gone = await checkRepository(root, '--since', 'HEAD');
  assert.deepEqual(gone.document.skipped, ['a', 'b'], 'a payload that is gone touches its target');
  git(root, 'reset', '-q', '--hard');
  const config = join(root, 'xsplice.config.json');
  writeFileSync(config, `${readFileSync(config, 'utf8')}\n`);
  assert.deepEqual(await skippedAfter('HEAD'), []);
  for (const revision of ['nowhere', '--all', 'HEAD~9', 'HEAD:README']) {
    const { code, document } = await checkRepository(root, `--since=${revision}`);
    assert.equal(code, 1, revision);
    assert.equal(
      (document as unknown as { error: { code: string } }).error.code,
      'unknown-revision',
    );
  }
  const shallow = join(temporaryFolder(t), 'clone');
  git(root, 'clone', '-q', '--depth', '1', `file://${root}`, shallow);
  const { code } = await checkRepository(shallow, '--since', 'v1');
  assert.equal(code, 1, 'a shallow clone does not have it');
});

test('what was typed wins over the configuration', async (t) => {
  const root = sampleRepository(t);
  const only = await checkRepository(root, '--target', 'b', '--target', 'risky');
  assert.deepEqual(
    only.document.targets.map(({ target }) => target),
    ['b', 'risky'],
  );
  copyFileSync(demo('data'), join(root, 'risky', 'data.livepatch'));
  assert.equal((await checkRepository(root)).code, 0);
  assert.equal((await checkRepository(root, '--fail-on', 'warning')).code, 3);
  assert.equal((await checkRepository(root, '--target', 'c')).code, 64);
  const image = ['--image', DEMO_IMAGE];
  assert.equal((await checkRepository(root, ...image, demo('hello'))).code, 64);
});

test('a run over several hypervisors says the same in its reports', async (t) => {
  const root = sampleRepository(t);
  copyFileSync(demo('too-small'), join(root, 'risky', 'small.livepatch'));
  const [sarif, junit] = [join(root, 'out.sarif'), join(root, 'out.xml')];
  const words = ['check', '--config', join(root, 'xsplice.config.json')];
  const { code, stdout } = await runCli([
    ...words,
    ...['--output', `sarif=${sarif}`, '--output', `junit=${junit}`],
  ]);
  assert.equal(code, 3);
  assert.match(stdout, /Rejected: 1 error; 6 payloads, 3 targets: 5 accepted, 1 refused/);
  const results = readSarif(readFileSync(sarif, 'utf8')).runs[0]?.results ?? [];
  const suppressed = results.filter(({ suppressions }) => suppressions !== undefined);
  assert.deepEqual(
    suppressed.map(({ ruleId, properties }) => [ruleId, properties.target]),
    [['nop-splits-instruction', 'risky']],
  );
  const suites = readJunit(readFileSync(junit, 'utf8')).children;
  assert.deepEqual(
    suites.map(({ attributes }) => [
      attributes['name'],
      attributes['tests'],
      attributes['failures'],
    ]),
    [
      ['a', '3', '0'],
      ['b', '1', '0'],
      ['risky', '2', '1'],
    ],
  );
});

test('JSON is read with its lines, and what is no JSON is refused', () => {
  const texts = [
    '{"a": [1, -2.5e3, "x\\u0041\\n", true, null], "__proto__": {}}',
    '[]',
    '""',
    '{}',
  ];
  for (const text of texts) assert.deepEqual(readJsonText(text).value, JSON.parse(text));
  const { lines } = readJsonText('{\n"a": [\n1,\n{"b": 2}]}');
  assert.deepEqual(Object.fromEntries(lines), {
    '': 1,
    '/a': 2,
    '/a/0': 3,
    '/a/1': 4,
    '/a/1/b': 4,
  });
  for (const text of [
    '',
    '{',
    '{"a"}',
    '[1,]',
    '01',
    '"a',
    '"\\x"',
    'nul',
    '{"a":1,}',
    '1 2',
    `${'['.repeat(100)}`,
  ]) {
    assert.throws(() => readJsonText(text), JsonMistake, text);
  }
});

test('patterns mean what a shell means by them', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['*.livepatch', ['a.livepatch'], ['a/b.livepatch', 'a.txt']],
    ['**/*.livepatch', ['a.livepatch', 'a/b/c.livepatch'], ['a/b']],
    ['a/**', ['a/b', 'a/b/c'], ['b/a']],
    ['a/?[0-9]/{x,y}', ['a/b1/x', 'a/b1/y'], ['a/b/x', 'a/b1/z']],
    ['[!a]', ['b'], ['a']],
    ['a\\*', ['a*'], ['ab']],
    ['./a', ['a'], ['b']],
  ];
  for (const [pattern, yes, no] of cases) {
    const isMeant = matcher(pattern);
    for (const path of yes) assert.ok(isMeant(path), `${pattern} means ${path}`);
    for (const path of no) assert.ok(!isMeant(path), `${pattern} does not mean ${path}`);
  }
  const started = cpuMs();
  matcher(`${'*a'.repeat(100)}b`)('a'.repeat(250));
  matcher(`${'**/'.repeat(100)}b`)('a/'.repeat(250));
  assert.ok(cpuMs() - started < 500, 'a pattern costs no more than its length');
});
