import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { COMMAND_NAMES } from '../../cli/options/commands.js';
import { optionsOf } from '../../cli/options/definitions.js';
import { readImage } from '../../core/image/index.js';
import {
  CLI,
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  documentOf,
  embeddedHost,
  runCli,
  startCli,
  temporaryFolder,
} from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

const hypervisorId = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE).buildIds[0]?.id ?? '';

const WRONG: readonly (readonly string[])[] = [
  ['--verbose'],
  ['chekc'],
  ['list', '--nope'],
  ['list', 'extra'],
  ['list', '--host'],
  ['check', 'x'],
  ['check', 'x', '--image', 'a', '--build-id', 'ab'],
  ['check', 'x', '--build-id', 'xyz'],
  ['apply'],
  ['apply', 'x', '--check', 'nothing'],
  ['apply', 'x', '--check', 'old-code', '--nodeps'],
  ['apply', 'x', '--timeout', '0'],
  ['apply', 'x', '--timeout', '5000'],
  ['init'],
  ['plan', 'revert', 'x'],
  ['plan', 'x', '--to', 'base'],
];

for (const words of WRONG) {
  test(`wrong usage: ${words.join(' ') || '(nothing)'}`, async () => {
    const { code, stdout, stderr } = await runCli(words);
    assert.equal(code, 64, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^xsplice-ts: \S/);
    const json = await runCli([...words, '--json']);
    assert.equal(json.code, 64);
    const document = documentOf(json);
    assert.equal(document['ok'], false);
    assert.deepEqual(Object.keys(document['error'] as object), ['code', 'message', 'hint']);
    assert.ok(Array.isArray(document['findings']));
  });
}

test('the version and the help have all the names that people type', async () => {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8'));
  for (const words of [['--version'], ['-V'], ['-v'], ['list', '--version']]) {
    assert.deepEqual(await runCli(words), { code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  }
  const { code, stdout } = await runCli(['--help']);
  assert.equal(code, 0);
  for (const words of [['-h'], ['help'], ['help', 'help'], []])
    assert.equal((await runCli(words)).stdout, stdout);
  for (const name of COMMAND_NAMES) {
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    const help = await runCli(['help', name]);
    assert.equal(help.code, 0);
    assert.ok(help.stdout.startsWith(`xsplice-ts ${name}`), help.stdout);
    assert.equal((await runCli([name, '--help'])).stdout, help.stdout);
    assert.equal((await runCli(['--nope', '-h', name])).stdout, help.stdout);
    for (const [option] of optionsOf(name)) assert.ok(help.stdout.includes(`--${option}`), option);
  }
});

test('options stand anywhere, short ones together, and end at --', async (t) => {
  const host = await embeddedHost(t);
  const applied = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await runCli(words);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const plan = await applied('apply', '--dry-run', '--verbose', demo('hello'), ...host);
  assert.match(plan, /Dry run: nothing was changed/);
  assert.equal(await applied(...host, '-vn', 'apply', '--', demo('hello')), plan);
  const about = ['which', '--image', DEMO_IMAGE, '--on', demo('hello')];
  assert.match(await applied(...about, 'xen_extra_version'), /hello/);
  const { code, stderr } = await runCli(['unload', '--yes', ...host, '--', '--yes', '-']);
  assert.equal(code, 1, stderr);
  assert.ok(stderr.includes('--yes') || stderr.includes('"-"'), stderr);
});

const FOREIGN: readonly (readonly [words: string, message: RegExp])[] = [
  ['upload x --timeout 5', /^xsplice-ts: upload takes no --timeout: it would have no effect/],
  ['unload x --timeout 5', /unload takes no --timeout/],
  ['unload x --check both', /unload takes no --check/],
  ['list --yes', /list takes no --yes/],
  ['plan x --yes', /plan takes no --yes/],
  ['plan x --to base', /plan takes no --to/],
  ['plan revert --nodeps', /plan revert takes no --nodeps/],
  ['plan upload x --check both', /plan upload takes no --check/],
  ['revert --check old-code', /revert takes --check old-code with the NAME/],
  ['plan revert --check both --to base', /revert takes --check both with the NAME/],
  ['check x --build-id 0011223344 --check old-code', /compares code, which needs an image/],
  ['list x', /list takes options only, and no "x"/],
];

for (const [words, message] of FOREIGN) {
  test(`what has no effect is refused: ${words}`, async () => {
    const { code, stdout, stderr } = await runCli(words.split(' '));
    assert.deepEqual([code, stdout], [64, '']);
    assert.match(stderr, message);
  });
}

test('an embedded hypervisor takes no other release, payload or image than its own', async (t) => {
  const host = await embeddedHost(t);
  for (const words of [
    ['which', 'xen_extra_version', '--xen', '4.20'],
    ['which', 'xen_extra_version', '--on', demo('hello')],
    ['apply', demo('hello'), '-n', '--xen', '4.20'],
  ]) {
    const { code, stderr } = await runCli([...words, ...host]);
    assert.equal(code, 64, stderr);
    assert.match(stderr, /would have no effect/);
  }
  const image = readFileSync(DEMO_IMAGE);
  const id = Buffer.from(hypervisorId, 'hex');
  for (let at = image.indexOf(id); at >= 0; at = image.indexOf(id)) image.fill(0xaa, at, at + 8);
  const other = join(temporaryFolder(t), 'xen-syms');
  writeFileSync(other, image);
  const wrong = await runCli(['apply', demo('hello'), '-n', '--image', other, ...host]);
  assert.equal(wrong.code, 1, wrong.stderr);
  assert.match(wrong.stderr, /is not what runs here/);
});

test('--explain explains in every command that has findings', async (t) => {
  const bad = join(temporaryFolder(t), 'bad.livepatch');
  writeFileSync(bad, 'no ELF');
  const { findings } = documentOf(await runCli(['inspect', bad, '--explain', '--json']));
  const [finding] = findings as readonly Record<string, unknown>[];
  assert.ok(finding?.['explanation'], JSON.stringify(finding));
});

const TYPOS: readonly (readonly [words: string, proposal: string])[] = [
  ['aply x', 'apply'],
  ['lst', 'list'],
  ['inspct x', 'inspect'],
  ['help revrt', 'revert or report'],
  ['apply x --dryrun', '--dry-run'],
  ['apply x --dry-runn', '--dry-run'],
  ['apply x --verbos', '--verbose'],
];

for (const [words, proposal] of TYPOS) {
  test(`did you mean: ${words}`, async () => {
    const { code, stderr } = await runCli(words.split(' '));
    assert.equal(code, 64);
    assert.ok(stderr.includes(`Did you mean ${proposal}?`), stderr);
  });
}

test('did you mean: files, loaded payloads, symbols', async (t) => {
  const host = await embeddedHost(t);
  const uploaded = await runCli(['upload', demo('hello'), demo('bye'), '--yes', ...host]);
  assert.equal(uploaded.code, 0, uploaded.stderr);
  const cases: readonly (readonly [words: readonly string[], proposal: string])[] = [
    [['apply', demo('helo')], demo('hello')],
    [['init', '--image', DEMO_IMAGE.slice(0, -1)], DEMO_IMAGE],
    [['unload', 'hel'], 'hello'],
    [['apply', 'bey', 'hello'], 'bye'],
    [['which', 'xen_extra_versin'], 'xen_extra_version'],
    [['which', 'xen_extra'], 'xen_extra_version'],
  ];
  for (const [words, proposal] of cases) {
    const { code, stderr } = await runCli([...words, ...host]);
    assert.equal(code, 1, stderr);
    assert.ok(stderr.includes(`Did you mean ${proposal}`), stderr);
  }
  const nothing = await runCli(['which', 'nothing_like_it_at_all', ...host]);
  assert.ok(!nothing.stderr.includes('Did you mean'), nothing.stderr);
});

test('several uploaded payloads are applied by name, in the right order', async (t) => {
  const host = await embeddedHost(t);
  for (const words of [
    ['upload', demo('hello'), demo('bye')],
    ['apply', 'bye', 'hello'],
  ]) {
    const { code, stderr } = await runCli([...words, '--yes', ...host]);
    assert.equal(code, 0, stderr);
  }
  const { payloads } = documentOf(await runCli(['list', '--json', ...host]));
  const listed = (payloads as readonly Record<string, unknown>[]).map((p) => [
    p['name'],
    p['position'],
  ]);
  assert.deepEqual(listed, [
    ['hello', 1],
    ['bye', 2],
  ]);
});

test('wrong usage of a command points to the help of that command', async () => {
  const { stderr } = await runCli(['apply']);
  assert.match(
    stderr,
    /apply needs something to work on: apply PATH…, or apply NAME…, or apply --plan FILE\n.*xsplice-ts apply --help/,
  );
  // An option that nobody knows takes the command for its value.
  const { stderr: swallowed } = await runCli(['--dryrun', 'apply', 'x']);
  assert.match(swallowed, /no option --dryrun\nDid you mean --dry-run\? xsplice-ts help lists/);
});

/** URLs of the modules that a command line imports, and paths of those that it requires. */
function modulesOf(folder: string, words: readonly string[]): readonly string[] {
  const log = join(folder, 'modules');
  writeFileSync(log, '');
  const hooks = new URL('../support/record-imports.js', import.meta.url).href;
  const preload = `
    import { appendFileSync } from 'node:fs';
    import { createRequire, register } from 'node:module';
    register(${JSON.stringify(hooks)});
    const { cache } = createRequire('/');
    process.on('exit', () => appendFileSync(${JSON.stringify(log)}, Object.keys(cache).join('\\n')));
  `;
  const { code, stderr } = startCli(words, {
    nodeArguments: ['--import', `data:text/javascript,${encodeURIComponent(preload)}`],
    env: { XSPLICE_TEST_IMPORTS: log },
  });
  assert.equal(code, 0, stderr);
  return readFileSync(log, 'utf8').split('\n');
}

test('a command loads only what it needs', (t) => {
  const folder = temporaryFolder(t);
  const home = new URL('../../', import.meta.url).href;
  const version = modulesOf(folder, ['--version']);
  assert.ok(version.some((url) => url.includes('/yargs/')));
  assert.deepEqual(
    version.filter(
      (url) =>
        url.startsWith(home) &&
        !/cli\/(main|program|command-table|tool|options\/(commands|definitions|parse)|terminal\/signals)\.js$/.test(
          url,
        ),
    ),
    [],
  );
  const check = modulesOf(folder, ['check', demo('hello'), '--image', DEMO_IMAGE]);
  assert.ok(check.some((url) => url.endsWith('/cli/commands/check.js')));
  assert.deepEqual(
    check.filter((url) =>
      /koffi|hypervisor\/xen\/|commands\/(?!check)|cli\/(formats|config)/.test(url),
    ),
    [],
  );
  const isDecoded = (file: string) =>
    modulesOf(folder, ['check', demo(file), '--image', DEMO_IMAGE]).some((url) =>
      url.includes('/iced-x86/'),
    );
  assert.deepEqual(['hello', 'nop'].map(isDecoded), [false, true]);
  const chainOnly = modulesOf(folder, ['check', demo('hello'), '--build-id', hypervisorId]);
  assert.deepEqual(
    chainOnly.filter((url) => /koffi|iced-x86|hypervisor\/xen\//.test(url)),
    [],
  );
});

test('a reader that goes away is no error', async () => {
  const child = spawn(process.execPath, [CLI, 'inspect', DEMO_IMAGE, '--json', '--verbose'], {
    env: cliEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  assert.equal(stderr, '');
  assert.equal(code, 0);
});

test('what is no file is not waited for', async (t) => {
  const folder = temporaryFolder(t);
  const fifo = join(folder, 'fifo.livepatch');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  mkdirSync(join(folder, 'empty'));
  const cases = [
    [fifo, 'is a FIFO, expected a regular file'],
    ['/dev/zero', 'is a device, expected a regular file'],
    [join(folder, 'empty'), 'holds no *.livepatch file'],
    [join(folder, 'none'), 'does not exist'],
    // It says that it is empty, and is not: as good as a file that grows while it is read.
    ['/proc/self/status', 'changed while it was read: it had 0 bytes, then 1'],
  ] as const;
  for (const [path, reason] of cases) {
    const check = await runCli(['check', path, '--image', DEMO_IMAGE]);
    assert.equal(check.code, 1, path);
    assert.ok(check.stdout.includes(`${path} ${reason}`), check.stdout);
    const image = await runCli([
      'init',
      '--image',
      path,
      '--host',
      `embedded:${join(folder, 'host')}`,
    ]);
    assert.equal(image.code, 1, path);
    assert.ok(!existsSync(join(folder, 'host')));
  }
});

test('inspect shows payloads and images, and goes on after a bad file', async (t) => {
  const bad = join(temporaryFolder(t), 'bad.livepatch');
  writeFileSync(bad, 'no ELF');
  const { code, stdout, stderr } = await runCli(['inspect', bad, demo('metadata'), DEMO_IMAGE]);
  assert.equal(code, 1);
  assert.match(stderr, /bad\.livepatch/);
  assert.match(stdout, /xen_extra_version {2}looked up by name/);
  assert.match(stdout, /license {2}MIT/);
  assert.match(stdout, /kind {6}xen-syms, x86-64/);
  const document = documentOf(await runCli(['inspect', demo('hook-apply'), DEMO_IMAGE, '--json']));
  assert.equal(document['ok'], true);
  const [payload, image] = document['files'] as readonly Record<string, unknown>[];
  assert.deepEqual(payload?.['hooks'], [
    { kind: 'apply', targets: [{ kind: 'symbol', symbol: 'hook_apply_hook', addend: '0x0' }] },
  ]);
  assert.ok(Array.isArray(payload?.['relocations']));
  assert.equal(image?.['version'], '4.17.7-demo');
});

test('colour is for terminals, or on demand, and never against NO_COLOR', async () => {
  const words = ['inspect', demo('hello')];
  const escapeCharacter = String.fromCharCode(27);
  const has = async (env: NodeJS.ProcessEnv, more: readonly string[] = []) =>
    (await runCli([...words, ...more], { env })).stdout.includes(escapeCharacter);
  assert.equal(await has({ NO_COLOR: '' }), false);
  assert.equal(await has({ NO_COLOR: '', FORCE_COLOR: '1' }), true);
  assert.equal(await has({ NO_COLOR: '1', FORCE_COLOR: '1' }), false);
  assert.equal(await has({ NO_COLOR: '', FORCE_COLOR: '1' }, ['--no-color']), false);
});
