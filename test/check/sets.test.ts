import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEMO_ID } from '../bench/samples.js';
import { DEMO_IMAGE, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';

interface Found {
  readonly code: string;
  readonly file?: string;
  readonly otherFiles?: readonly string[];
  readonly message: string;
}

async function findingsOf(...words: readonly string[]): Promise<readonly Found[]> {
  const result = await runCli(['check', ...words, '--json']);
  return documentOf(result)['findings'] as readonly Found[];
}

test('a payload on another hypervisor than it was built for has a finding of its own', async () => {
  const files = ['wrong-depends', 'wrong-xen-depends', 'hello'].map(demo);
  for (const against of [
    ['--image', DEMO_IMAGE],
    ['--build-id', DEMO_ID],
  ]) {
    const found = await findingsOf(...against, ...files);
    const errorOf = (name: string) =>
      found.filter(({ file, otherFiles = [] }) => [file, ...otherFiles].includes(demo(name)));
    assert.notEqual(errorOf('wrong-depends').length, 0);
    assert.notEqual(errorOf('wrong-xen-depends').length, 0);
  }
});

test('two files of one name name each other', async (t) => {
  const folder = temporaryFolder(t);
  const files = ['hello', 'bye'].map((name) => {
    mkdirSync(join(folder, name));
    const file = join(folder, name, 'fix.livepatch');
    copyFileSync(demo(name), file);
    return file;
  });
  for (const against of [
    ['--image', DEMO_IMAGE],
    ['--build-id', DEMO_ID],
  ]) {
    const found = await findingsOf(...against, folder);
    const taken = found.filter(({ message }) => message.includes('under the same name'));
    assert.equal(taken.length, 1);
    const [one] = taken;
    assert.deepEqual([one?.file, ...(one?.otherFiles ?? [])].toSorted(), files.toSorted());
  }
});

test('a link that leads nowhere is unreadable, and the others are answered', async (t) => {
  const folder = temporaryFolder(t);
  copyFileSync(demo('hello'), join(folder, 'hello.livepatch'));
  const broken = join(folder, 'broken.livepatch');
  symlinkSync('nowhere', broken);
  for (const against of [
    ['--image', DEMO_IMAGE],
    ['--build-id', DEMO_ID],
  ]) {
    const result = await runCli(['check', ...against, folder, '--json']);
    const { unreadable, chain } = documentOf(result) as {
      unreadable: Found[];
      chain: Found[];
    };
    assert.equal(result.code, 1);
    assert.deepEqual(
      unreadable.map(({ code, file, message }) => [code, file, message]),
      [['file-not-found', broken, `${broken} is a link to nowhere, which does not exist`]],
    );
    assert.equal(chain.length, 1);
    const rejected = await runCli(['check', ...against, folder, demo('wrong-xen-depends')]);
    assert.equal(rejected.code, 3);
  }
});
