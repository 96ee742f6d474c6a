import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { COMMAND_NAMES } from '../../cli/options/commands.js';
import { optionsOf } from '../../cli/options/definitions.js';
import { demo, embeddedHost, runCli, temporaryFolder } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

const root = repositoryRoot();
const scripts = join(root, 'test', 'completion');
const has = (program: string) => spawnSync(program, ['--version']).status === 0;
const noZsh = has('zsh') ? false : 'no zsh here';
// It knows no --version.
const noMandoc =
  spawnSync('mandoc', ['-T', 'lint', '/dev/null']).error === undefined ? false : 'no mandoc here';

/** A folder with the program, both completions, two payloads and a folder; its hypervisor has hello and bye. */
async function place(t: TestContext): Promise<{ readonly folder: string; readonly host: string }> {
  const [, host] = await embeddedHost(t);
  const folder = temporaryFolder(t);
  const program = join(root, 'dist', 'bin', 'xsplice-ts.js');
  writeFileSync(
    join(folder, 'xsplice-ts'),
    `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`,
  );
  chmodSync(join(folder, 'xsplice-ts'), 0o755);
  for (const file of ['_xsplice-ts', 'xsplice-ts.bash']) {
    copyFileSync(join(root, 'completions', file), join(folder, file));
  }
  for (const name of ['hello', 'bye']) copyFileSync(demo(name), join(folder, `${name}.livepatch`));
  mkdirSync(join(folder, 'patches'));
  const loaded = await runCli(['upload', demo('hello'), demo('bye'), '--yes', '--host', host]);
  assert.equal(loaded.code, 0, loaded.stderr);
  return { folder, host };
}

function linesOf(shell: string, folder: string, host: string, args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(shell, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, XSPLICE_HOST: host, HOME: folder, TERM: 'dumb', NO_COLOR: '1' },
  });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

/** A line that is completed, as bash splits it, and what is proposed at its end. */
interface Case {
  readonly words: readonly string[];
  readonly proposals: readonly string[];
}

const loadedId = /^[0-9a-f]{40}$/;

const CASES: readonly Case[] = [
  { words: [''], proposals: [...COMMAND_NAMES, 'help'] },
  { words: ['ap'], proposals: ['apply'] },
  { words: ['--verbose', 'unl'], proposals: ['unload'] },
  { words: ['help', 'rev'], proposals: ['revert'] },
  { words: ['apply', '--'], proposals: optionsOf('apply').map(([name]) => `--${name}`) },
  { words: ['list', '--t'], proposals: [] },
  { words: ['plan', 'revert', '--no'], proposals: ['--no-color'] },
  { words: ['plan', 're'], proposals: ['replace', 'revert'] },
  { words: ['apply', '--check', ''], proposals: ['both', 'build-id', 'old-code'] },
  { words: ['apply', '--check', '=', 'o'], proposals: ['old-code'] },
  { words: ['check', 'hel'], proposals: ['hello.livepatch'] },
  { words: ['check', '--image', 'p'], proposals: ['patches'] },
  { words: ['unload', ''], proposals: ['bye', 'hello'] },
  { words: ['unload', '-y', '--', 'h'], proposals: ['hello'] },
  { words: ['revert', '--to', ''], proposals: ['base', 'bye', 'hello'] },
  { words: ['apply', 'h'], proposals: ['hello', 'hello.livepatch'] },
  { words: ['list', '--host', ''], proposals: ['embedded:', 'xen'] },
  { words: ['list', '--host', 'embedded', ':', 'pat'], proposals: ['patches'] },
  { words: ['list', '--host', 'embedded', ':', '/nowhere', 'x'], proposals: [] },
  { words: ['explain', 'for'], proposals: ['fork'] },
  { words: ['apply', '--accept', 'critical'], proposals: ['critical-code'] },
];

test('bash proposes what fits', async (t) => {
  const { folder, host } = await place(t);
  const program = join(folder, 'xsplice-ts');
  const ask = (...words: readonly string[]) =>
    linesOf('bash', folder, host, [
      join(scripts, 'bash-proposals.bash'),
      join(folder, 'xsplice-ts.bash'),
      program,
      ...words,
    ]);
  for (const { words, proposals } of CASES) {
    assert.deepEqual(ask(...words), [...proposals].sort(), words.join(' '));
  }
  const { payloads } = JSON.parse((await runCli(['list', '--json', '--host', host])).stdout);
  const id: string = payloads[0].buildId;
  assert.match(id, loadedId);
  assert.deepEqual(ask('unload', id.slice(0, 9)), [id]);
});

test('zsh proposes what fits', { skip: noZsh }, async (t) => {
  const { folder, host } = await place(t);
  for (const { words, proposals } of CASES) {
    const line = ['xsplice-ts', ...words].join(' ').replace(/ ([=:]) /g, '$1');
    const found = linesOf('zsh', folder, host, [
      '-f',
      join(scripts, 'zsh-proposals.zsh'),
      folder,
      line,
    ]);
    const files = found.map((name) => name.replace(/\/$/, ''));
    assert.deepEqual(files, [...proposals].sort(), line);
  }
});

test('a line is completed in an interactive bash', { skip: noZsh }, async (t) => {
  const { folder, host } = await place(t);
  const become = (line: string) =>
    linesOf('zsh', folder, host, ['-f', join(scripts, 'bash-line.zsh'), folder, line]);
  assert.deepEqual(become('xsplice-ts unl\t--dr\the\t'), [
    'xsplice-ts',
    'unload',
    '--dry-run',
    'hello',
  ]);
  assert.deepEqual(become('xsplice-ts list --host=em\tpat\t'), [
    'xsplice-ts',
    'list',
    '--host=embedded:patches',
  ]);
});

test('the manual page is clean', { skip: noMandoc }, () => {
  const { stdout, stderr } = spawnSync(
    'mandoc',
    ['-T', 'lint', join(root, 'docs', 'man', 'xsplice-ts.8')],
    {
      encoding: 'utf8',
    },
  );
  assert.equal(`${stdout}${stderr}`, '');
});
