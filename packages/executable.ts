import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { run } from '../rig/run.js';
import type { Standalone } from './bundle.js';
import type { NodeRelease } from './node-release.js';

/** Where Node looks whether it carries a program (its documentation of single executables). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const RESOURCE = 'NODE_SEA_BLOB';

/**
 * Writes one executable file that needs no Node: Node's own, with the program and all that it reads inside.
 * Without V8's code cache, which is another one at each build.
 */
export function makeExecutable(
  to: string,
  work: string,
  { program, carried }: Standalone,
  licences: string,
  node: NodeRelease,
): void {
  // Names without a folder: the blob holds that of the program.
  writeFileSync(join(work, 'program.js'), `${program}(require, __filename);`);
  writeFileSync(join(work, 'licences'), licences);
  const config = {
    main: 'program.js',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    assets: { ...Object.fromEntries(carried), 'THIRD-PARTY-LICENSES': 'licences' },
  };
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config));
  run(node.executable, ['--experimental-sea-config', 'sea.json'], { cwd: work });
  copyFileSync(node.executable, to);
  chmodSync(to, 0o755);
  const postject = createRequire(import.meta.url).resolve('postject/dist/cli.js');
  run(process.execPath, [postject, to, RESOURCE, join(work, 'blob'), '--sentinel-fuse', FUSE]);
}
