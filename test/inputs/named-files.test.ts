import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { onDisk } from '../../core/abi/raw-path.js';
import { readPayloadFiles, readPayloadHeads } from '../../core/inputs/index.js';
import { demo, temporaryFolder } from '../support/cli.js';
import { IS_ROOT } from '../support/machine.js';

const READERS = {
  readPayloadFiles: (...asked: Parameters<typeof readPayloadFiles>) => {
    const { inputs, findings } = readPayloadFiles(...asked);
    return { files: inputs.map(({ file }) => file), findings };
  },
  readPayloadHeads,
};

for (const [name, read] of Object.entries(READERS)) {
  const namesIn = (paths: readonly string[], deep = true) => {
    const { files, findings } = read(paths, { deep });
    return [files, findings.map(({ code, file }) => `${code} ${file ?? ''}`)] as const;
  };

  test(`${name}: a file that is named in several ways is one, as it was named first`, (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'hello.livepatch');
    copyFileSync(demo('hello'), file);
    symlinkSync(file, join(folder, 'link'));
    symlinkSync(folder, `${folder}/folder`);
    const here = relative('.', file);
    const ways = [
      here,
      `./${here}`,
      file,
      join(folder, 'link'),
      `${folder}/folder/hello.livepatch`,
    ];
    for (const first of ways) {
      assert.deepEqual(namesIn([first, ...ways, folder]), [[first], []]);
      assert.deepEqual(namesIn([first, ...ways, folder], false), [[first], []]);
    }
  });

  test(`${name}: what leads nowhere is a finding of its path, and the others are read`, (t) => {
    const folder = temporaryFolder(t);
    copyFileSync(demo('hello'), join(folder, 'hello.livepatch'));
    symlinkSync('nowhere', join(folder, 'broken.livepatch'));
    symlinkSync('round.livepatch', join(folder, 'round.livepatch'));
    mkdirSync(join(folder, 'folder.livepatch'));
    const [files, findings] = namesIn([join(folder, 'missing'), folder]);
    assert.ok(files.includes(join(folder, 'hello.livepatch')));
    assert.deepEqual(findings.toSorted(), [
      `file-not-found ${join(folder, 'broken.livepatch')}`,
      `file-not-found ${join(folder, 'missing')}`,
      `file-not-readable ${join(folder, 'round.livepatch')}`,
    ]);
    const [, byPattern] = namesIn([`${folder}/b*`]);
    assert.deepEqual(byPattern, [`file-not-found ${join(folder, 'broken.livepatch')}`]);
  });

  test(`${name}: a folder that may not be read is a finding of its path`, (t) => {
    if (IS_ROOT) return t.skip('root may read everything');
    const folder = temporaryFolder(t);
    copyFileSync(demo('hello'), join(folder, 'hello.livepatch'));
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    writeFileSync(join(closed, 'bye.livepatch'), 'x');
    chmodSync(closed, 0);
    assert.deepEqual(namesIn([folder]), [
      [join(folder, 'hello.livepatch')],
      [`file-not-readable ${closed}`],
    ]);
  });

  test(`${name}: names that are no UTF-8 are read, in folders of such names too`, (t) => {
    const root = temporaryFolder(t);
    const folder = `${root}/f\udcff`;
    mkdirSync(onDisk(folder));
    const files = ['a\udcfe.livepatch', 'b\udcfe€.livepatch'].map((file) => `${folder}/${file}`);
    copyFileSync(demo('hello'), onDisk(files[0] ?? ''));
    copyFileSync(demo('bye'), onDisk(files[1] ?? ''));
    const expected = [files, []] as const;
    assert.deepEqual(namesIn([root]), expected);
    assert.deepEqual(namesIn([folder], false), expected);
    assert.deepEqual(namesIn(files), expected);
    assert.deepEqual(namesIn([`${root}/f*/*`]), expected);
  });
}
