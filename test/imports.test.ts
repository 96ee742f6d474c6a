import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot } from './support/repository.js';

/** What each part may import. `errors` and `abi` are open to all; a part may always import itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  abi: [],
  elf: [],
  code: ['elf'],
  image: ['elf'],
  payload: ['elf'],
  verify: ['elf', 'image', 'payload', 'code'],
  oldcode: ['elf', 'image', 'payload', 'code', 'verify', 'stack'],
  // The stack knows payloads and what a host is called, but no verifier and no file.
  stack: ['payload', 'port'],
  port: ['stack'],
  execute: ['stack', 'port'],
  'hypervisor/embedded': ['verify', 'stack', 'port'],
  'hypervisor/xen': ['payload', 'stack', 'port'],
  use: ['*'],
  index: ['*'],
};

/** Parts that may touch files, processes and native code. */
const WITH_EFFECTS = ['hypervisor/xen', 'hypervisor/embedded', 'use'];
const EFFECTS = /from '(node:(?:fs|fs\/promises|child_process|net|process|os)|koffi)'/;

const core = join(repositoryRoot(), 'core');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** `verify` for core/verify/stages/placement.ts. */
function partOf(path: string): string {
  const [first = '', second = ''] = relative(core, path).split('/');
  if (first === 'hypervisor') return second === 'port.ts' ? 'port' : `hypervisor/${second}`;
  return first.replace(/\.ts$/, '');
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  const found = [...text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)].map(
    (match) => match[1] ?? '',
  );
  return found.map((name) => resolve(path, '..', name.replace(/\.js$/, '.ts')));
}

describe('imports', () => {
  const files = filesBelow(core);

  it('point one way', () => {
    assert.ok(files.length > 50, 'the sources are there');
    const wrong = files.flatMap((file) => {
      const part = partOf(file);
      const allowed = ALLOWED[part] ?? (part === 'errors' ? [] : null);
      assert.ok(allowed !== null, `${part} has a line in ALLOWED`);
      return importsOf(file)
        .map(partOf)
        .filter((to) => to !== part && !['errors', 'abi', ...allowed].includes(to))
        .filter(() => !allowed.includes('*'))
        .map((to) => `${relative(core, file)} imports ${to}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('reach files, processes and native code only where those belong', () => {
    const wrong = files
      .filter((file) => !WITH_EFFECTS.includes(partOf(file)))
      .filter((file) => EFFECTS.test(readFileSync(file, 'utf8')))
      .map((file) => relative(core, file));
    assert.deepEqual(wrong, []);
  });

  it('of the command line enter core by its index', () => {
    const wrong = filesBelow(join(core, '..', 'cli')).flatMap((file) =>
      importsOf(file)
        .filter((to) => to.startsWith(core) && to !== join(core, 'index.ts'))
        .map((to) => `${relative(core, file)} imports ${relative(core, to)}`),
    );
    assert.deepEqual(wrong, []);
  });
});
