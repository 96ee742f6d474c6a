import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandEntry,
  type CommandName,
} from '../../cli/options/commands.js';
import { DEFINITIONS, optionsOf } from '../../cli/options/definitions.js';
import { parseLine } from '../../cli/options/parse.js';
import { commandOf, refuseForeign } from '../../cli/options/refuse.js';
import { helpText } from '../../cli/views/help.js';
import { DEMO_IMAGE, demo, runCli, temporaryFolder } from '../support/cli.js';
import { makeKey } from '../support/signers.js';

const env = { XSPLICE_HOST: 'embedded:./try' };
const home = process.cwd();

async function done(line: string): Promise<void> {
  const { code, stdout, stderr } = await runCli(line.split(' '), { env });
  // That two differ is an answer too.
  assert.ok(code === 0 || (line.startsWith('diff ') && code === 4), `${line}\n${stdout}${stderr}`);
}

/** What has to be true of the hypervisor before the examples of a command work, one line for each example. */
const FIRST: Readonly<Partial<Record<CommandName, readonly string[]>>> = {
  apply: ['', '', '', 'upload patches/ --yes', 'plan patches/ --output patches.plan'],
  revert: [
    'apply patches/ --yes',
    'apply hello.livepatch --yes',
    'apply patches/ --yes',
    'apply hello.livepatch --yes',
  ],
  replace: ['apply patches/ --yes', 'apply patches/ --yes'],
  history: ['', 'apply patches/ --yes'],
  confirm: ['apply patches/ --confirm 60 --yes', 'apply patches/ --confirm 60 --yes'],
  undo: ['apply patches/ --yes', 'apply patches/ --yes'],
  unload: ['upload patches/ --yes', 'upload patches/ --yes'],
  'verify-signature': ['sign patches/ --key release.key', 'sign hello.livepatch --key release.key'],
};

/** These need programs and modules of the machine, or boot one: their examples are read only. */
const NOT_RUN: readonly CommandName[] = ['lockstep', 'rehearse'];

for (const name of COMMAND_NAMES.filter((name) => !NOT_RUN.includes(name))) {
  test(`the examples of ${name} work`, async (t) => {
    const folder = temporaryFolder(t);
    t.after(() => process.chdir(home));
    process.chdir(folder);
    mkdirSync('patches');
    mkdirSync('image');
    copyFileSync(DEMO_IMAGE, 'xen-syms');
    for (const file of ['hello', 'bye', 'replace']) copyFileSync(demo(file), `${file}.livepatch`);
    for (const file of ['hello', 'bye'])
      copyFileSync(demo(file), join('patches', `${file}.livepatch`));
    copyFileSync(`${makeKey('release.pem')}.pub`, 'release.pub');
    copyFileSync('release.pem', 'release.key');
    const policy = { formatVersion: 1, keys: ['release.pub'] };
    writeFileSync('policy.json', JSON.stringify(policy));
    const { examples }: CommandEntry = COMMANDS[name];
    for (const [index, [line]] of examples.entries()) {
      assert.ok(line === name || line.startsWith(`${name} `), line);
      if (name !== 'init') await done('init --image xen-syms --host embedded:./try --yes');
      const first = FIRST[name]?.[index] ?? '';
      if (first !== '') await done(first);
      // What a shell makes of it.
      await done(
        line.replace('patches/*.livepatch', 'patches/hello.livepatch patches/bye.livepatch'),
      );
    }
  });
}

test('examples that cannot be run here are typed right', () => {
  for (const name of NOT_RUN) {
    for (const [line] of COMMANDS[name].examples) {
      const typed = parseLine(line.split(' '));
      assert.equal(commandOf(typed), name);
      refuseForeign(name, typed);
    }
  }
});

test('help keeps to the width there is, and has all of a command at any', () => {
  for (const name of [null, ...COMMAND_NAMES]) {
    for (const width of [40, 80, 120]) {
      const text = helpText(name, width);
      const wide = text.split('\n').filter((line) => line.length > Math.min(width, 100));
      assert.deepEqual(wide, [], `${name} at ${width}`);
      const words = text.split(/\s+/);
      const options =
        name === null ? DEFINITIONS.filter(([, { alias }]) => alias === 'V') : optionsOf(name);
      for (const [option] of options) assert.ok(words.includes(`--${option}`), `${name} ${option}`);
      assert.match(text, /^Exit codes$/m);
      if (name !== null) assert.match(text, /^Examples$/m);
    }
  }
});
