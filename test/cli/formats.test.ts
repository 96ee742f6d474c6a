import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test, { type TestContext } from 'node:test';
import { DEMO_IMAGE, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';
import { readJunit } from '../support/junit.js';
import { readAnnotations, readQuality, readSarif } from '../support/report-formats.js';

/** A name that means something to every format: XML, Markdown, workflow commands, URIs, terminals. */
const HOSTILE = 'a%0A,b:=<x> & "q" |`*_@all[1](y)\u001b[31m\n::error::z\u202e.livepatch';

/** Runs check in all formats at once; each report by its format, standard output as `human`. */
async function reportsOf(
  context: TestContext,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly code: number | null; readonly of: Readonly<Record<string, string>> }> {
  const folder = temporaryFolder(context);
  const formats = ['json', 'sarif', 'junit', 'gitlab', 'github', 'markdown'];
  const files = formats.map((format) => [format, join(folder, format)] as const);
  const outputs = files.flatMap(([format, file]) => ['--output', `${format}=${file}`]);
  const { code, stdout } = await runCli(['check', ...words, ...outputs], { env });
  const read = files.map(([format, file]) => [format, readFileSync(file, 'utf8')] as const);
  return { code, of: { human: stdout, ...Object.fromEntries(read) } };
}

test('one run gives every format, and each says the same', async (context) => {
  const words = [demo('hello'), demo('too-small'), 'nowhere', '--image', DEMO_IMAGE];
  const { code, of } = await reportsOf(context, words);
  assert.equal(code, 3);
  const document = documentOf({ code, stdout: of['json'] ?? '', stderr: '' });
  const findings = document['findings'] as { code: string; severity: string; file: string }[];
  const codes = ['file-not-found', 'several-cumulative', 'would-be-refused'];
  assert.deepEqual(findings.map((finding) => finding.code).sort(), codes);
  const sarif = readSarif(of['sarif'] ?? '');
  const [run] = sarif.runs;
  assert.deepEqual(run?.results.map(({ ruleId }) => ruleId).sort(), codes);
  assert.deepEqual(run?.invocations[0], {
    executionSuccessful: false,
    exitCode: 3,
    toolExecutionNotifications: [{ level: 'error', message: { text: 'nowhere does not exist' } }],
  });
  const [suite] = readJunit(of['junit'] ?? '').children;
  assert.deepEqual(
    suite?.children.map(({ attributes, children }) => [
      attributes['name'],
      children.map(({ name }) => name),
    ]),
    [
      [relative('.', demo('hello')), ['system-out']],
      [relative('.', demo('too-small')), ['failure', 'system-out']],
      ['nowhere', ['error']],
    ],
  );
  assert.deepEqual(
    readQuality(of['gitlab'] ?? '').map((issue) => [issue.check_name, issue.severity]),
    findings.map((finding) => [finding.code, finding.severity === 'error' ? 'critical' : 'minor']),
  );
  assert.deepEqual(
    readAnnotations(of['github'] ?? '').map(({ level }) => level),
    ['error', 'error', 'warning'],
  );
  assert.match(of['markdown'] ?? '', /### Live patches: Rejected/);
  assert.match(of['human'] ?? '', /Rejected: 2 errors/);
});

test('what is in order is in order in every format', async (context) => {
  const { code, of } = await reportsOf(context, [
    demo('chain-01'),
    demo('chain-02'),
    '--image',
    DEMO_IMAGE,
  ]);
  assert.equal(code, 0);
  assert.deepEqual(readSarif(of['sarif'] ?? '').runs[0]?.results, []);
  assert.deepEqual(readQuality(of['gitlab'] ?? ''), []);
  assert.equal(of['github'], '');
  const [suite] = readJunit(of['junit'] ?? '').children;
  assert.equal(suite?.attributes['tests'], '2');
  assert.equal(suite?.attributes['failures'], '0');
  assert.match(of['markdown'] ?? '', /Live patches: OK/);
});

test('a hostile name stays a name in every format', async (context) => {
  const file = join(temporaryFolder(context), HOSTILE.replaceAll('/', ''));
  copyFileSync(demo('too-small'), file);
  const { code, of } = await reportsOf(context, [file, '--image', DEMO_IMAGE]);
  assert.equal(code, 3);
  for (const [format, text] of Object.entries(of)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/, format);
  }
  const [result] = readSarif(of['sarif'] ?? '').runs[0]?.results ?? [];
  const uri = result?.locations[0]?.physicalLocation.artifactLocation.uri ?? '';
  assert.equal(decodeURIComponent(new URL(uri).pathname), file);
  const [quality] = readQuality(of['gitlab'] ?? '');
  assert.equal(quality?.location.path, file);
  const annotations = readAnnotations(of['github'] ?? '');
  assert.ok(annotations.length > 0);
  assert.deepEqual([...new Set(annotations.map(({ level }) => level))], ['error']);
  const [suite] = readJunit(of['junit'] ?? '').children;
  assert.equal(suite?.children.length, 1);
  const table = (of['markdown'] ?? '').split('\n').filter((line) => line.startsWith('|'));
  assert.equal(table.length, 3);
  for (const line of table) assert.equal(line.split('|').length, 4, line);
  assert.doesNotMatch(of['markdown'] ?? '', /[^>;]@|<x>|`\*/);
});

test('GitHub gets its annotations on standard output and its summary in a file', async (context) => {
  const summary = join(temporaryFolder(context), 'summary');
  writeFileSync(summary, 'before\n');
  const words = ['check', demo('too-small'), '--image', DEMO_IMAGE, '--format', 'github'];
  const { code, stdout } = await runCli(words, { env: { GITHUB_STEP_SUMMARY: summary } });
  assert.equal(code, 3);
  const [first] = readAnnotations(stdout);
  assert.equal(first?.level, 'error');
  assert.equal(first?.properties['title'], 'Xen would refuse it');
  assert.match(readFileSync(summary, 'utf8'), /^before\n### Live patches: Rejected\n/);
});

test('paths are those of the repository, wherever check was started', async (context) => {
  const folder = temporaryFolder(context);
  copyFileSync(demo('too-small'), join(folder, 'a.livepatch'));
  const words = [join(folder, 'a.livepatch'), '--image', DEMO_IMAGE];
  for (const variable of ['GITHUB_WORKSPACE', 'CI_PROJECT_DIR', 'WORKSPACE']) {
    const { of } = await reportsOf(context, words, { [variable]: folder });
    const [issue] = readQuality(of['gitlab'] ?? '');
    assert.equal(issue?.location.path, 'a.livepatch', variable);
    const [result] = readSarif(of['sarif'] ?? '').runs[0]?.results ?? [];
    assert.deepEqual(result?.locations[0]?.physicalLocation.artifactLocation, {
      uri: 'a.livepatch',
      uriBaseId: '%SRCROOT%',
    });
  }
});

test('a fingerprint is of what a finding is about, not of where it ran', async (context) => {
  const [one, two] = [temporaryFolder(context), temporaryFolder(context)];
  const prints: string[] = [];
  for (const folder of [one, two]) {
    copyFileSync(demo('too-small'), join(folder, 'a.livepatch'));
    copyFileSync(DEMO_IMAGE, join(folder, 'xen-syms'));
    const words = [join(folder, 'a.livepatch'), '--image', DEMO_IMAGE];
    const { of } = await reportsOf(context, words, { CI_PROJECT_DIR: folder });
    prints.push(readQuality(of['gitlab'] ?? '')[0]?.fingerprint ?? folder);
  }
  assert.equal(prints[0], prints[1]);
});

test('--output without FORMAT takes what --format says, and leaves standard output to people', async (context) => {
  const file = join(temporaryFolder(context), 'out');
  const words = ['check', demo('hello'), '--image', DEMO_IMAGE, '--output', file];
  const json = await runCli([...words, '--format', 'sarif']);
  assert.equal(json.code, 0);
  assert.match(json.stdout, /^Hypervisor/);
  readSarif(readFileSync(file, 'utf8'));
  const human = await runCli(words);
  assert.equal(readFileSync(file, 'utf8'), human.stdout);
});

test('every verb writes its document to a file', async (context) => {
  const file = join(temporaryFolder(context), 'out');
  for (const words of [
    ['explain', 'fork'],
    ['inspect', demo('hello')],
  ]) {
    const { code, stdout } = await runCli([...words, '--json']);
    const other = await runCli([...words, '--output', `json=${file}`]);
    assert.deepEqual([code, other.code], [0, 0]);
    assert.equal(readFileSync(file, 'utf8'), stdout);
    assert.notEqual(other.stdout, stdout);
  }
});

test('what --output does not understand is said before anything is done', async (context) => {
  const folder = temporaryFolder(context);
  const words = ['check', demo('hello'), '--image', DEMO_IMAGE];
  const wrong = [
    ['--output', 'sarf=x'],
    ['--output', 'sarif='],
    ['--output', 'a', '--output', 'b'],
    ['--output', `json=${join(folder, 'x')}`, '--output', `sarif=${join(folder, 'x')}`],
    ['--json', '--format', 'sarif'],
    ['--format', 'xml'],
  ];
  for (const more of wrong) {
    const { code, stderr } = await runCli([...words, ...more]);
    assert.equal(code, 64, `${more.join(' ')}: ${stderr}`);
  }
  assert.equal((await runCli(['explain', 'fork', '--output', 'sarif=x'])).code, 64);
  assert.equal(existsSync('x') || existsSync('sarf=x'), false);
  const { code, stderr } = await runCli([...words, '--output', `json=${folder}`]);
  assert.equal(code, 1);
  assert.match(stderr, /cannot be written: EISDIR/);
});

test('what cannot be read rejects nothing, and is told apart', async (context) => {
  const image = ['--image', DEMO_IMAGE];
  const { code, of } = await reportsOf(context, [demo('hello'), 'nowhere', ...image]);
  assert.equal(code, 1);
  const document = JSON.parse(of['json'] ?? '');
  assert.deepEqual(document.unreadable, [
    { file: 'nowhere', code: 'file-not-found', message: 'nowhere does not exist' },
  ]);
  assert.equal(document.ok, false);
  assert.equal(document.verdicts.length, 1);
  assert.match(of['markdown'] ?? '', /Live patches: Not known/);
});
