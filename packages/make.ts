/**
 * Makes what is given to users, in release/: the tarball for npm, the Debian package, the executable file, and
 * their SHA-256. Made twice of one commit they are the same bytes: npm run packages [-- --out DIR].
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../rig/run.js';
import { bundleStandalone } from './bundle.js';
import { makeDebianPackage } from './debian.js';
import { makeExecutable } from './executable.js';
import { licenceOf, licencesText } from './licences.js';
import { nodeRelease } from './node-release.js';
import { versionOf } from './parts.js';

/** The Node inside of the executable: one that is maintained longest. */
const EMBEDDED_NODE = '24.21.0';

/** The names of the files for this version. */
export function packageNames(version: string) {
  return {
    npm: `xsplice-ts-${version}.tgz`,
    debian: `xsplice-ts_${version}_amd64.deb`,
    executable: `xsplice-ts-${version}-linux-x64`,
  } as const;
}

/** Makes all in this folder, which is emptied. */
export async function makePackages(root: string, out: string): Promise<void> {
  const version = versionOf(root);
  const names = packageNames(version);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'xsplice-packages-'));
  try {
    run('npm', ['pack', '--silent', '--pack-destination', out], { cwd: root });
    const standalone = await bundleStandalone(root);
    const licences = [licenceOf(root), ...standalone.packages.map(licenceOf)];
    const epoch = epochOf(root);
    makeDebianPackage(join(out, names.debian), work, {
      root,
      version,
      epoch,
      standalone,
      licences,
    });
    const node = await nodeRelease(EMBEDDED_NODE);
    const withNode = [...licences, { work: `Node.js ${node.version}`, text: node.licence.trim() }];
    const text = licencesText(withNode);
    makeExecutable(join(out, names.executable), work, standalone, text, node);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const sums = Object.values(names).map((name) => {
    const bytes = readFileSync(join(out, name));
    return `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`;
  });
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
}

/** SOURCE_DATE_EPOCH, or the date of the commit. */
function epochOf(root: string): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  return Number(given ?? run('git', ['log', '-1', '--format=%ct'], { cwd: root }).toString());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'release' } } });
  const out = resolve(values.out);
  await makePackages(fileURLToPath(new URL('../..', import.meta.url)), out);
  process.stdout.write(readFileSync(join(out, 'SHA256SUMS'), 'utf8'));
}
