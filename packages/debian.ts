import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '../rig/run.js';
import type { Standalone } from './bundle.js';
import { type Licence, licencesText } from './licences.js';
import { startText } from './parts.js';

/** Folders of the package, below its root. */
const PROGRAM = 'usr/lib/xsplice-ts/bin';
const DOC = 'usr/share/doc/xsplice-ts';
const MAINTAINER = 'The xsplice-ts authors <xsplice-ts@packages.debian.org>';

/** What a Debian package is made of. */
export interface DebianParts {
  /** The repository: the manual page, the completions, what packages/debian adds. */
  readonly root: string;
  readonly version: string;
  /** Seconds since 1970 that everything in it is dated with. */
  readonly epoch: number;
  readonly standalone: Standalone;
  readonly licences: readonly Licence[];
}

/**
 * Writes a Debian package with the program, its manual page and completions, and /etc/xsplice-ts. Whatever lies in
 * packages/debian/root is added as it is, e.g. systemd's units, and packages/debian/control has the scripts for dpkg.
 */
export function makeDebianPackage(to: string, work: string, parts: DebianParts): void {
  const tree = join(work, 'deb');
  placeProgram(tree, parts);
  placeDocuments(tree, parts);
  mkdirSync(join(tree, 'etc', 'xsplice-ts'), { recursive: true });
  addOwn(join(parts.root, 'packages', 'debian', 'root'), tree);
  const sums = filesBelow(tree).map(
    (path) => `${digestOf('md5', path)}  ${relative(tree, path)}\n`,
  );
  const sizeKiB = Math.ceil(
    filesBelow(tree).reduce((sum, path) => sum + statSync(path).size, 0) / 1024,
  );
  place(tree, 'DEBIAN/control', controlText(parts.version, sizeKiB));
  place(tree, 'DEBIAN/md5sums', sums.join(''));
  addOwn(join(parts.root, 'packages', 'debian', 'control'), join(tree, 'DEBIAN'));
  fixModes(tree);
  // dpkg-deb sorts, and takes this for the date of all that is newer.
  run('env', [
    `SOURCE_DATE_EPOCH=${parts.epoch}`,
    ...['dpkg-deb', '--root-owner-group', '-Zxz', '--build', tree, to],
  ]);
}

function placeProgram(tree: string, { root, standalone, version }: DebianParts): void {
  const start = startText(root);
  // Not the first node of whoever calls: the one that the package depends on.
  place(tree, `${PROGRAM}/xsplice-ts.js`, start.replace('/usr/bin/env node', '/usr/bin/node'));
  chmodSync(join(tree, PROGRAM, 'xsplice-ts.js'), 0o755);
  place(tree, `${PROGRAM}/program.js`, standalone.program);
  place(tree, `${PROGRAM}/package.json`, `${JSON.stringify({ version, type: 'commonjs' })}\n`);
  for (const [name, path] of standalone.carried) {
    place(tree, `${PROGRAM}/${name}`, readFileSync(path));
  }
  link(tree, `${PROGRAM}/THIRD-PARTY-LICENSES`, `../../../share/doc/xsplice-ts/copyright`);
  link(tree, 'usr/bin/xsplice-ts', '../lib/xsplice-ts/bin/xsplice-ts.js');
}

function placeDocuments(tree: string, { root, version, epoch, licences }: DebianParts): void {
  const read = (path: string) => readFileSync(join(root, path));
  place(tree, 'usr/share/man/man8/xsplice-ts.8.gz', zipped(read('docs/man/xsplice-ts.8')));
  place(
    tree,
    'usr/share/bash-completion/completions/xsplice-ts',
    read('completions/xsplice-ts.bash'),
  );
  place(tree, 'usr/share/zsh/vendor-completions/_xsplice-ts', read('completions/_xsplice-ts'));
  place(tree, `${DOC}/copyright`, licencesText(licences));
  place(tree, `${DOC}/changelog.gz`, zipped(Buffer.from(changelogText(version, epoch))));
  place(tree, `${DOC}/CHANGELOG.md.gz`, zipped(read('CHANGELOG.md')));
  place(tree, `${DOC}/README.md.gz`, zipped(read('README.md')));
}

function place(tree: string, path: string, content: Uint8Array | string): void {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function link(tree: string, path: string, target: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  symlinkSync(target, join(tree, path));
}

function addOwn(from: string, to: string): void {
  if (existsSync(from)) cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

/** Node writes no date and no name into a gzip header. */
function zipped(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 9 });
}

/** Files of a tree in one order; links and folders are not among them. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name))
    .sort();
}

/** Whatever the umask of who builds: folders and scripts 755, other files 644. */
function fixModes(tree: string): void {
  chmodSync(tree, 0o755);
  for (const entry of readdirSync(tree, { withFileTypes: true, recursive: true })) {
    const path = join(entry.path, entry.name);
    if (entry.isDirectory()) chmodSync(path, 0o755);
    if (entry.isFile()) chmodSync(path, (statSync(path).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

function digestOf(algorithm: string, path: string): string {
  return createHash(algorithm).update(readFileSync(path)).digest('hex');
}

function controlText(version: string, sizeKiB: number): string {
  return `Package: xsplice-ts
Version: ${version}
Architecture: amd64
Section: admin
Priority: optional
Maintainer: ${MAINTAINER}
Installed-Size: ${sizeKiB}
Depends: nodejs (>= 20.19), libc6 (>= 2.25), libgcc-s1, libstdc++6
Suggests: libxencall1, qemu-system-x86, xz-utils
Description: live-patch payload manager for the Xen hypervisor
 Checks live-patch payloads before Xen sees them, plans and shows what will
 happen, applies, reverts and replaces them in the right order, and says
 afterwards what is true. An embedded hypervisor keeps the rules of Xen: to
 check, plan and try, no Xen is needed.
`;
}

function changelogText(version: string, epoch: number): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `xsplice-ts (${version}) unstable; urgency=medium

  * What changed is said in CHANGELOG.md.gz beside this file.

 -- ${MAINTAINER}  ${date}
`;
}
