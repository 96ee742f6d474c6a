import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type ArchiveEntry, filesBelow, modulesIn } from '../core/boot/index.js';
import { file, librariesOf } from './initramfs.js';
import { dom0Packages, type PackageTree, unpackRoot } from './packages.js';
import { RigUnavailable } from './run.js';

/** Which interpreter a dom0 has. Python 2.7 is that of Debian 11. */
export type Python = '3' | '2.7';

const SOURCES: Readonly<Record<Python, { readonly suite: string; readonly package: string }>> = {
  '3': { suite: 'bookworm', package: 'python3' },
  '2.7': { suite: 'bullseye', package: 'python2.7' },
};
/** Parts of the interpreters' own library that nothing here needs. */
const LEFT_OUT =
  /\/(test|tests|idlelib|lib2to3|ensurepip|pydoc_data|unittest|dist-packages|__pycache__|config-[^/]*)\//;

const SSHD = `Port 22
HostKey /etc/ssh/hostkey
PermitRootLogin yes
PasswordAuthentication no
UsePAM no
UseDNS no
PidFile none
StrictModes no
MaxStartups 100
LoginGraceTime 0
`;

/** Brings the network up, starts sshd, and takes lines as the rig's programs do. */
const UP = `mkdir -p /dev/pts /run/sshd /var/empty /root
mount -t devpts devpts /dev/pts
for module in /rig/net/*.ko; do insmod $module; done
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
chmod 700 /root /root/.ssh /var/empty; chmod 755 /run/sshd; chmod 600 /etc/ssh/hostkey /root/.ssh/authorized_keys
/usr/sbin/sshd -f /etc/ssh/sshd_config || exit 1
echo @@ready
while read -r line; do echo @@ready; done </dev/ttyS1
`;

/** The command of a dom0 that does nothing but listen. */
export const LISTENING = 'sh /rig/net/up';

/** Keys of a dom0 that is reached over ssh. */
export interface SshKeys {
  /** Private key of the host, and the public one of who comes. */
  readonly host: Uint8Array;
  readonly user: string;
}

/** A network for the dom0, with sshd and these interpreters. */
export async function networkEntries(
  keys: SshKeys,
  pythons: readonly Python[],
): Promise<readonly ArchiveEntry[]> {
  const ssh = await unpackRoot('bookworm', ['openssh-server']);
  const text = (path: string, content: string, mode = 0o644): ArchiveEntry => {
    return { path, kind: 'file', bytes: Buffer.from(content), mode };
  };
  const { root } = await dom0Packages();
  const modules = [...modulesIn(join(root, 'lib', 'modules'), ['e1000'])];
  const interpreters = await Promise.all(pythons.map((python) => pythonEntries(python, ssh)));
  return unique([
    ...programEntries([ssh], ssh, ['usr/sbin/sshd']),
    ...interpreters.flat(),
    ...modules.map(([name, bytes], index): ArchiveEntry => {
      return { path: `rig/net/${index}-${name}`, kind: 'file', bytes };
    }),
    text('rig/net/up', UP),
    text('etc/passwd', 'root:*:0:0:root:/root:/bin/sh\nsshd:*:101:65534::/run/sshd:/bin/false\n'),
    text('etc/group', 'root:x:0:\nnogroup:x:65534:\n'),
    text('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files\n'),
    text('etc/shells', '/bin/sh\n'),
    text('etc/hosts', '127.0.0.1 localhost\n'),
    text('etc/ssh/sshd_config', SSHD),
    { path: 'etc/ssh/hostkey', kind: 'file', bytes: keys.host, mode: 0o600 },
    text('root/.ssh/authorized_keys', keys.user, 0o600),
  ]);
}

/** An older interpreter takes the newer C library, which every program of the dom0 has to share. */
async function pythonEntries(
  python: Python,
  newest: PackageTree,
): Promise<readonly ArchiveEntry[]> {
  const source = SOURCES[python];
  const tree = await unpackRoot(source.suite, [source.package]);
  const name = ['3.11', '2.7'].find((version) =>
    existsSync(join(tree.root, `usr/bin/python${version}`)),
  );
  if (name === undefined) throw new RigUnavailable(`Debian's ${source.package} has no python.`);
  const library = join(tree.root, `usr/lib/python${name}`);
  // Some are links to what is configured on a machine where it is installed.
  const files = [...filesBelow(library)].filter((path) => !LEFT_OUT.test(path) && existsSync(path));
  const native = files.filter((path) => path.endsWith('.so'));
  return [
    ...programEntries([newest, tree], tree, [`usr/bin/python${name}`], native),
    { path: `usr/bin/python${python.slice(0, 1)}`, kind: 'link', target: `python${name}` },
    ...files.map((path) => file(`usr/lib/python${name}/${path.slice(library.length + 1)}`, path)),
  ];
}

function programEntries(
  libraries: readonly PackageTree[],
  tree: PackageTree,
  programs: readonly string[],
  others: readonly string[] = [],
): readonly ArchiveEntry[] {
  const paths = programs.map((path) => join(tree.root, path));
  return [
    ...programs.map((path, index) => file(path, paths[index] ?? '')),
    ...[...librariesOf([...paths, ...others], ...libraries)]
      .filter(([name]) => !name.startsWith('ld-linux'))
      .map(([name, path]) => file(`lib/x86_64-linux-gnu/${name}`, path)),
  ];
}

/** Of several with one path the first. */
function unique(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  return [...new Map([...entries].reverse().map((entry) => [entry.path, entry])).values()];
}

/** A port of this machine's that nobody listens at now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      );
    });
  });
}

/** Reads a key that ssh-keygen wrote. */
export function readKeys(hostKey: string, userKey: string): SshKeys {
  return { host: readFileSync(hostKey), user: readFileSync(`${userKey}.pub`, 'utf8') };
}
