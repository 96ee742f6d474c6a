import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import {
  CLI,
  cliEnvironment,
  DEMO_IMAGE,
  demo,
  TIMEOUT_MS,
  temporaryFolder,
} from '../support/cli.js';
import { readJunit } from '../support/junit.js';
import { readAnnotations, readSarif } from '../support/report-formats.js';
import { repositoryRoot } from '../support/repository.js';

const ACTION = readFileSync(join(repositoryRoot(), 'action.yml'), 'utf8');

/** Inputs by name with their defaults, as action.yml has them: two spaces, then four. */
function declaredInputs(): ReadonlyMap<string, string> {
  const block = /^inputs:\n([\s\S]*?)^outputs:/m.exec(ACTION)?.[1] ?? '';
  const inputs = [...block.matchAll(/^ {2}([\w-]+):\n(?: {4}.*\n)*? {4}default: (.*)\n/gm)];
  return new Map(inputs.map(([, name = '', value = '']) => [name, value.replace(/^''$/, '')]));
}

/** The step that checks: its environment, with each expression replaced, and its script. */
function checkStep(inputs: Readonly<Record<string, string>>): {
  readonly env: Readonly<Record<string, string>>;
  readonly script: string;
} {
  const step = /- name: Check\n([\s\S]*)$/.exec(ACTION)?.[1] ?? '';
  const declared = declaredInputs();
  const env = [...step.matchAll(/^ {8}(\w+): \$\{\{ (inputs|github)\.([\w-]+) \}\}$/gm)].map(
    ([, name = '', from, key = '']): [string, string] => {
      if (from === 'github') return [name, repositoryRoot()];
      assert.ok(declared.has(key), `${key} is an input`);
      return [name, inputs[key] ?? declared.get(key) ?? ''];
    },
  );
  const script = /^ {6}run: (.*)$/m.exec(step)?.[1] ?? '';
  return { env: Object.fromEntries(env), script };
}

/** Runs the step as a runner does: bash, its flags, the files that commands are written to. */
function runAction(context: TestContext, inputs: Readonly<Record<string, string>>) {
  const folder = temporaryFolder(context);
  const files = {
    GITHUB_OUTPUT: join(folder, 'output'),
    GITHUB_STEP_SUMMARY: join(folder, 'summary'),
  };
  for (const file of Object.values(files)) writeFileSync(file, '');
  const executable = join(folder, 'xsplice-ts');
  writeFileSync(executable, `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  chmodSync(executable, 0o755);
  const { env, script } = checkStep({ executable, ...inputs });
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script],
    {
      cwd: folder,
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      env: { ...cliEnvironment(), ...files, GITHUB_WORKSPACE: folder, ...env },
    },
  );
  const read = (file: string) => readFileSync(file, 'utf8');
  const { GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary } = files;
  return { folder, status, stdout, stderr, output: read(output), summary: read(summary) };
}

test('the action annotates, sums up and writes what was asked for', (context) => {
  const { folder, status, stdout, stderr, output, summary } = runAction(context, {
    paths: `${demo('hello')}\n${demo('too-small')}\n`,
    image: DEMO_IMAGE,
    sarif: 'out.sarif',
    junit: 'out.xml',
    report: 'out.html',
  });
  assert.equal(status, 3, stderr);
  assert.equal(output, 'exit-code=3\n');
  assert.equal(readAnnotations(stdout)[0]?.level, 'error');
  assert.match(summary, /Live patches: Rejected/);
  readSarif(readFileSync(join(folder, 'out.sarif'), 'utf8'));
  readJunit(readFileSync(join(folder, 'out.xml'), 'utf8'));
  assert.match(readFileSync(join(folder, 'out.html'), 'utf8'), /^<!doctype html>/);
});

test('what is in order ends with 0', (context) => {
  const { status, stdout, output } = runAction(context, {
    paths: demo('chain-01'),
    image: DEMO_IMAGE,
  });
  assert.equal(status, 0);
  assert.equal(output, 'exit-code=0\n');
  assert.deepEqual(
    readAnnotations(stdout).filter(({ level }) => level !== 'notice'),
    [],
  );
});

test('an input is never part of a script', (context) => {
  const marker = join(temporaryFolder(context), 'ran');
  const evil = `"; touch ${marker}; $(touch ${marker}) \`touch ${marker}\``;
  const inputs = Object.fromEntries(
    [...declaredInputs().keys()]
      .filter((name) => !['executable', 'working-directory'].includes(name))
      .map((name) => [name, evil]),
  );
  const { status } = runAction(context, inputs);
  assert.equal(status, 64);
  assert.ok(!existsSync(marker));
  for (const [, script = ''] of ACTION.matchAll(/^ +run: (\|?[\s\S]*?)(?=^ {4}- |(?![\s\S]))/gm)) {
    assert.doesNotMatch(script, /\$\{\{/, 'no expression in a script');
  }
});
