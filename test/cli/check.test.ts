import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { SHF } from '../../core/elf/index.js';
import { readImage } from '../../core/image/index.js';
import { readPayload } from '../../core/payload/index.js';
import {
  CHAIN,
  DEMO,
  DEMO_IMAGE,
  demo,
  documentOf,
  runCli,
  temporaryFolder,
} from '../support/cli.js';
import { buildIdNote } from '../support/elf-builder.js';
import { buildPayload } from '../support/payload-builder.js';

const shuffled = [2, 0, 4, 1, 3].flatMap((index) => CHAIN[index] ?? []);
const hypervisorId = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE).buildIds[0]?.id ?? '';

function idOf(file: string): string {
  const { buildId } = readPayload(readFileSync(file), file);
  assert.equal(buildId.status, 'present');
  return buildId.status === 'present' ? buildId.id : '';
}

function chainOf(document: Record<string, unknown>): readonly string[] {
  assert.ok(Array.isArray(document['chain']));
  return document['chain'].map((member: { file: string }) => member.file);
}

function codesOf(document: Record<string, unknown>): readonly string[] {
  assert.ok(Array.isArray(document['findings']));
  return document['findings'].map((finding: { code: string }) => finding.code);
}

test('a shuffled chain is put in order and accepted', async () => {
  const result = await runCli(['check', ...shuffled, '--image', DEMO_IMAGE, '--json']);
  assert.equal(result.code, 0, result.stderr);
  const document = documentOf(result);
  assert.equal(document['formatVersion'], 1);
  assert.equal(document['ok'], true);
  assert.deepEqual(document['hypervisor'], { buildId: hypervisorId, release: '4.17.7' });
  assert.deepEqual(chainOf(document), CHAIN);
  assert.deepEqual(document['findings'], []);
  const [first] = document['chain'] as readonly Record<string, unknown>[];
  assert.equal(first?.['name'], 'chain-01');
  assert.equal(first?.['buildId'], idOf(demo('chain-01')));
  assert.equal(first?.['depends'], hypervisorId);
  const verdicts = document['verdicts'] as readonly Record<string, unknown>[];
  assert.deepEqual(
    verdicts.map(({ outcome, errno, stage }) => [outcome, errno, stage]),
    CHAIN.map(() => ['accepted', null, null]),
  );
  const inChain = verdicts.map((verdict) => verdict['inChain'] as Record<string, unknown>);
  assert.deepEqual(
    inChain.map(({ outcome, operation }) => [outcome, operation]),
    CHAIN.map(() => ['accepted', 'apply']),
  );
  const human = await runCli(['check', ...shuffled, '--image', DEMO_IMAGE]);
  assert.match(human.stdout, /OK: one valid chain of 5 payloads; Xen 4\.17\.7 will accept each\./);
});

test('a missing link is a rejection that names the missing id', async () => {
  const files = shuffled.filter((file) => !file.includes('chain-03'));
  const missing = idOf(demo('chain-03'));
  const result = await runCli(['check', ...files, '--image', DEMO_IMAGE]);
  assert.equal(result.code, 3);
  assert.match(result.stdout, new RegExp(`chain-04\\.livepatch builds on ${missing}`));
  const document = documentOf(await runCli(['check', ...files, '--image', DEMO_IMAGE, '--json']));
  assert.equal(document['ok'], false);
  assert.deepEqual(codesOf(document), ['missing-parent']);
  assert.deepEqual(chainOf(document), CHAIN.slice(0, 2));
});

test('with a build-id only the chain is checked, and the output says so', async () => {
  const result = await runCli(['check', ...shuffled, '--build-id', hypervisorId]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /Not verified: only the hypervisor's build-id was given/);
  const json = await runCli(['check', ...shuffled, '--build-id', hypervisorId, '--json']);
  assert.equal(documentOf(json)['verdicts'], null);
  const unknown = await runCli(['check', ...shuffled, '--build-id', 'ab'.repeat(20), '--json']);
  assert.equal(unknown.code, 3);
  assert.ok(codesOf(documentOf(unknown)).includes('wrong-hypervisor'));
});

const REFUSED = [
  ['unknown-function', 'upload', 2, 'functions'],
  ['unknown-import', 'upload', 2, 'symbol-resolution'],
  ['wrong-version', 'upload', 95, 'functions'],
  ['too-small', 'upload', 22, 'functions'],
  ['nothing-to-patch', 'upload', 22, 'patching-sections'],
  ['wrong-xen-depends', 'upload', 22, 'xen-build-id'],
  ['expect-wrong', 'apply', 22, 'expectations'],
] as const;

for (const [name, operation, errno, stage] of REFUSED) {
  test(`${name} is refused with Xen's errno, stage and reason`, async () => {
    const result = await runCli(['check', demo(name), '--image', DEMO_IMAGE, '--json']);
    assert.equal(result.code, 3, result.stderr);
    const document = documentOf(result);
    const [found] = document['verdicts'] as readonly { inChain: Record<string, unknown> }[];
    const verdict = found?.inChain;
    assert.deepEqual(
      [verdict?.['outcome'], verdict?.['operation'], verdict?.['errno'], verdict?.['stage']],
      ['refused', operation, errno, stage],
    );
    const codes = codesOf(document);
    const said = name === 'wrong-xen-depends' ? 'wrong-hypervisor' : 'would-be-refused';
    assert.equal(codes.filter((code) => code === said).length, 1, codes.join());
  });
}

test('a directory stands for its payloads and those of all below it', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'a', 'b'), { recursive: true });
  for (const [index, file] of CHAIN.entries()) {
    copyFileSync(file, join(folder, index < 2 ? 'a/b' : '.', file.split('/').at(-1) ?? ''));
  }
  writeFileSync(join(folder, 'README'), 'not a payload');
  mkdirSync(join(folder, '.git'));
  copyFileSync(demo('hello'), join(folder, '.git', 'hello.livepatch'));
  const result = await runCli(['check', folder, '--image', DEMO_IMAGE, '--json']);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(chainOf(documentOf(result)).length, 5);
  const some = ['check', join(folder, '**', 'chain-0[12].livepatch'), '--image', DEMO_IMAGE];
  assert.equal(chainOf(documentOf(await runCli([...some, '--json']))).length, 2);
  const none = await runCli(['check', join(folder, '*.none'), '--image', DEMO_IMAGE]);
  assert.equal(none.code, 1);
});

test('bad files are rejections, each with its finding', async (t) => {
  const folder = temporaryFolder(t);
  const hello = readFileSync(demo('hello'));
  const big = join(folder, 'big.livepatch');
  writeFileSync(big, '');
  truncateSync(big, 100 * 1024 * 1024);
  const cases: readonly (readonly [string, Uint8Array | null, string])[] = [
    ['big.livepatch', null, 'payload-too-large'],
    ['empty.livepatch', new Uint8Array(), 'elf-not-elf'],
    ['random.livepatch', Buffer.alloc(3000, 0xa5), 'elf-not-elf'],
    ['short.livepatch', hello.subarray(0, 900), 'elf-truncated'],
    [`${'n'.repeat(128)}.livepatch`, hello, 'payload-bad-name'],
    ['image.livepatch', readFileSync(DEMO_IMAGE), 'not-a-payload'],
  ];
  for (const [name, bytes, code] of cases) {
    const file = join(folder, name);
    if (bytes !== null) writeFileSync(file, bytes);
    const result = await runCli(['check', file, '--image', DEMO_IMAGE, '--json']);
    assert.equal(result.code, 3, `${name}: ${result.stderr}`);
    const document = documentOf(result);
    assert.deepEqual(codesOf(document), [code], name);
    assert.deepEqual(document['chain'], []);
  }
});

test('an image without symbols still gives the chain, and says what could not be verified', async (t) => {
  const file = join(temporaryFolder(t), 'stripped');
  const bytes = Buffer.from(readFileSync(DEMO_IMAGE));
  // .symtab turned into a section of a type that means nothing: the symbols are gone.
  const sections = Number(bytes.readBigUInt64LE(40));
  for (let index = 0; index < bytes.readUInt16LE(60); index++) {
    const type = sections + index * 64 + 4;
    if (bytes.readUInt32LE(type) === 2) bytes.writeUInt32LE(1, type);
  }
  writeFileSync(file, bytes);
  const check = await runCli(['check', ...shuffled, '--image', file]);
  assert.equal(check.code, 1, check.stderr);
  assert.match(check.stdout, /\[not-verified\]/);
  assert.match(check.stdout, /Not verified: .*stripped has no symbols/);
  const init = await runCli(['init', '--image', file, '--host', `embedded:${file}.d`]);
  assert.equal(init.code, 1);
  assert.match(init.stderr, /has no symbols/);
});

test('the release can be named, and an unknown one is no guess', async () => {
  const words = ['check', demo('hello'), '--image', DEMO_IMAGE, '--json', '--xen'];
  const known = await runCli([...words, '4.20.1']);
  assert.deepEqual(documentOf(known)['hypervisor'], { buildId: hypervisorId, release: '4.20.1' });
  const unknown = await runCli([...words, '4.99']);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /4\.12 to 4\.22/);
  assert.equal((await runCli([...words, 'new'])).code, 64);
});

test('a file name cannot speak to the terminal', async (t) => {
  const file = join(temporaryFolder(t), 'a\u001b[31mred\u202e\u009b.livepatch');
  copyFileSync(demo('hello'), file);
  for (const more of [[], ['--json'], ['--verbose']]) {
    const { code, stdout, stderr } = await runCli(['check', file, '--image', DEMO_IMAGE, ...more]);
    assert.equal(code, 0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
    assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.match(
      stdout,
      more[0] === '--json' ? /\\u001b\[31mred\\u202e\\u009b/ : /\\x1b\[31mred\\u\{202e\}\\x9b/,
    );
  }
});

test('verdicts are those of an empty hypervisor; beside them, those in the chain', async () => {
  const words = ['check', demo('expect-wrong'), demo('too-small'), '--image', DEMO_IMAGE, '--json'];
  const { verdicts } = documentOf(await runCli(words)) as {
    verdicts: {
      outcome: string;
      errno: number | null;
      stage: string | null;
      inChain: Record<string, unknown>;
    }[];
  };
  const [expectWrong, tooSmall] = verdicts;
  // Its upload is accepted; that its expectation fails is said at apply.
  assert.deepEqual([expectWrong?.outcome, expectWrong?.errno], ['accepted', null]);
  const { outcome, operation, errno, stage } = expectWrong?.inChain ?? {};
  assert.deepEqual([outcome, operation, errno, stage], ['refused', 'apply', 22, 'expectations']);
  assert.deepEqual(
    [tooSmall?.outcome, tooSmall?.errno, tooSmall?.stage],
    ['refused', 22, 'functions'],
  );
});

/** For the demo's hypervisor, with three faults that have nothing to do with each other. */
function threeFaults(context: TestContext): string {
  const file = join(temporaryFolder(context), 'three.livepatch');
  const id = buildIdNote(Buffer.from(hypervisorId, 'hex'));
  const bytes = buildPayload({
    depends: id,
    xenDepends: id,
    functions: [{ name: 'xen_extra_version' }],
    extraSymbols: [{ name: 'nowhere_fn' }],
    extraSections: ['.bug_frames.1', '.ex_table'].map((name) => ({
      name,
      flags: SHF.ALLOC,
      data: new Uint8Array(9),
    })),
  });
  writeFileSync(file, bytes);
  return file;
}

test('what is wrong behind the verdict is reported too, and marked as such', async (context) => {
  const file = threeFaults(context);
  const result = await runCli(['check', file, '--image', DEMO_IMAGE, '--json']);
  assert.equal(result.code, 3);
  const { findings: all, verdicts } = documentOf(result) as {
    findings: Record<string, unknown>[];
    verdicts: Record<string, unknown>[];
  };
  const findings = all.filter(({ stage }) => stage !== undefined);
  assert.deepEqual(
    findings.map(({ code, severity, stage, errno, file: of }) => [
      code,
      severity,
      stage,
      errno,
      of,
    ]),
    [
      ['would-be-refused', 'error', 'symbol-resolution', 2, file],
      ['would-be-refused-next', 'error', 'bug-frames', 22, file],
      ['would-be-refused-next', 'error', 'exception-table', 22, file],
    ],
  );
  assert.equal(findings[0]?.['symbol'], 'nowhere_fn');
  const { section, expected, actual, hint } = findings[1] ?? {};
  assert.deepEqual(
    [section, expected, actual],
    ['.bug_frames.1', 'a multiple of 8 bytes', '9 bytes'],
  );
  assert.equal(hint, '.bug_frames.1 does not hold whole entries: was something else put into it?');
  const [verdict] = verdicts;
  assert.deepEqual([verdict?.['stage'], verdict?.['errno']], ['symbol-resolution', 2]);
  assert.deepEqual(verdict?.['log'], ['three: Unknown symbol: nowhere_fn']);
  const { stdout } = await runCli(['check', file, '--image', DEMO_IMAGE]);
  assert.match(
    stdout,
    /three\.livepatch: Xen would refuse the upload with ENOENT and prints "three: Unknown symbol: nowhere_fn" \[would-be-refused\]/,
  );
  assert.match(
    stdout,
    /Once that is mended, Xen would refuse the upload with EINVAL and prints "three: Wrong size 9 of \.ex_table \(must be multiple of 8\)" \(9 bytes, expected a multiple of 8 bytes\) \[would-be-refused-next\]/,
  );
  assert.match(stdout, /Rejected: 3 errors/);
});

test('a payload that Xen takes and that kills the host later is rejected and explained (A1)', async () => {
  const dangerous = join(DEMO, 'dangerous');
  const plain = await runCli(['check', dangerous, '--image', DEMO_IMAGE]);
  assert.equal(plain.code, 3);
  assert.match(plain.stdout, /error .*\[nop-splits-instruction\]/);
  assert.match(plain.stdout, /Rejected: 1 error\./);
  const quiet = await runCli(['check', dangerous, '--image', DEMO_IMAGE, '--quiet']);
  assert.equal(quiet.code, 3);
  assert.match(quiet.stdout, /error .*\[nop-splits-instruction\]/);
  assert.doesNotMatch(plain.stdout, /arch_livepatch_apply/);
  const explained = await runCli(['check', dangerous, '--image', DEMO_IMAGE, '--explain']);
  assert.match(explained.stdout, /where {2}arch_livepatch_apply/);
  const { findings } = documentOf(
    await runCli(['check', dangerous, '--image', DEMO_IMAGE, '--explain', '--json']),
  ) as { findings: { code: string; explanation?: { since: string } }[] };
  const hazard = findings.find(({ code }) => code === 'nop-splits-instruction');
  assert.match(hazard?.explanation?.since ?? '', /4\.17\.6/);
});

test('--fail-on says from which severity on a finding is a rejection', async () => {
  const words = ['check', demo('data'), '--image', DEMO_IMAGE];
  const warned = documentOf(await runCli([...words, '--json']));
  assert.equal(warned['ok'], true);
  assert.equal(warned['failOn'], 'error');
  assert.deepEqual(codesOf(warned).includes('data-prevents-reapply'), true);
  const strict = await runCli([...words, '--fail-on', 'warning', '--json']);
  assert.equal(strict.code, 3);
  assert.equal(documentOf(strict)['ok'], false);
  const human = await runCli([...words, '--fail-on', 'warning']);
  assert.match(human.stdout, /Rejected: 1 warning\./);
  const clean = ['check', ...CHAIN, '--image', DEMO_IMAGE, '--fail-on'];
  assert.equal((await runCli([...clean, 'note'])).code, 0);
  assert.equal((await runCli([...clean, 'anything'])).code, 64);
});
