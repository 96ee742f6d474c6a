import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createEmbedded } from '../../core/host/index.js';
import { DEMO_IMAGE, demo } from '../support/cli.js';
import { repositoryRoot } from '../support/repository.js';

const root = repositoryRoot();
const surface = join(root, 'core', 'public');

/** What each example has to print, at least. */
const PRINTS: Readonly<Record<string, readonly RegExp[]>> = {
  change: [/^done$/m],
  check: [/^$/],
  elf: [/^GNU [0-9a-f]{40}$/m],
  findings: [/^The payload names a parent/],
  hosts: [/^4\.\d+/],
  payload: [/^xen_extra_version \d+$/m],
  'readme-1': [/^next hello .*hello\.livepatch\nnext bye .*bye\.livepatch\n$/],
  'readme-2': [/^upload hello\n[\s\S]*^apply bye\ndone$/m],
};

/** The examples of the surface's files and of README, by the name of their file. */
function examples(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(surface)) {
    const text = readFileSync(join(surface, file), 'utf8').replace(/^ \* ?/gm, '');
    const code = /^@example\n```ts\n(.*?)^```$/ms.exec(text)?.[1];
    assert.ok(code !== undefined, `${file} has no example`);
    found.set(file.replace(/\.ts$/, ''), code);
  }
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const library = readme.split(/^## /m).find((part) => part.startsWith('As a library\n')) ?? '';
  const blocks = [...library.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text = '']) => text);
  assert.equal(blocks.length, 2, 'README shows how to check, and how to change');
  for (const [index, text] of blocks.entries()) found.set(`readme-${index + 1}`, text);
  return found;
}

/** A project that depends on the package and on nothing else of ours. */
function freshProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-project-'));
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules', 'xsplice-ts'));
  symlinkSync(
    join(root, 'node_modules', '@types', 'node'),
    join(folder, 'node_modules', '@types', 'node'),
  );
  mkdirSync(join(folder, 'patches'));
  for (const name of ['hello', 'bye']) {
    copyFileSync(demo(name), join(folder, 'patches', `${name}.livepatch`));
  }
  copyFileSync(DEMO_IMAGE, join(folder, 'xen-syms'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        ...{ target: 'ES2023', module: 'NodeNext', types: ['node'], outDir: 'out' },
        ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
        ...{ noPropertyAccessFromIndexSignature: true, noImplicitReturns: true },
        ...{ noUnusedLocals: true, verbatimModuleSyntax: true, skipLibCheck: false },
      },
    }),
  );
  return folder;
}

describe('the examples of the library, in a fresh project', () => {
  const folder = freshProject();
  after(() => rmSync(folder, { recursive: true, force: true }));
  const image = { file: 'xen-syms', bytes: readFileSync(DEMO_IMAGE) };
  for (const [name, code] of examples()) writeFileSync(join(folder, `${name}.ts`), code);

  it('compile under the strictest settings', () => {
    const tsc = join(root, 'node_modules', '.bin', 'tsc');
    const { status, stdout } = spawnSync(tsc, ['-p', folder], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  });

  for (const name of examples().keys()) {
    it(`${name} runs and prints what it says`, async () => {
      rmSync(join(folder, 'try'), { recursive: true, force: true });
      await createEmbedded(join(folder, 'try'), image);
      const { status, stdout, stderr } = spawnSync(process.execPath, [`out/${name}.js`], {
        cwd: folder,
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      for (const line of PRINTS[name] ?? [/no expectation/]) assert.match(stdout, line);
    });
  }
});

describe('the public surface', () => {
  it('has every path in package.json, and some forty names that run', async () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const paths = readdirSync(surface).map((file) => `./${file.replace(/\.ts$/, '')}`);
    assert.deepEqual(Object.keys(exports).sort(), ['.', ...paths].sort());
    const main = await import('../../core/index.js');
    const elf = await import('../../core/public/elf.js');
    assert.deepEqual([...Object.keys(main), ...Object.keys(elf)].sort(), [
      'EXIT',
      'ElfError',
      'XspliceError',
      'change',
      'check',
      'createEmbedded',
      'explain',
      'inputFile',
      'openHost',
      'openImage',
      'parseAcceptance',
      'parseHostSpec',
      'policyOfKeys',
      'readElf',
      'readImage',
      'readImageFile',
      'readNotes',
      'readPayload',
      'readPayloadFiles',
      'readPayloadInputs',
      'readSymbols',
      'readTrustedKey',
      'sectionByName',
      'sectionBytes',
      'signaturesBeside',
      'targetOfBuildId',
      'targetOfImage',
    ]);
  });
});
