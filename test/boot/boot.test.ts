import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bootableOf } from '../../core/boot/hypervisor.js';
import { kernelVersion, unpackedKernel } from '../../core/boot/kernel.js';
import { findMirror } from '../../core/boot/mirror.js';
import { areIn, moduleFolder, modulesIn } from '../../core/boot/modules.js';
import { temporaryFolder } from '../support/cli.js';

const ELF32 = Buffer.from('7f454c46010101', 'hex');

describe('a hypervisor to be booted', () => {
  it('is an ELF32, gzipped or not', () => {
    assert.deepEqual(bootableOf('xen', ELF32), ELF32);
    assert.deepEqual(Buffer.from(bootableOf('xen.gz', gzipSync(ELF32))), ELF32);
  });

  for (const [what, bytes] of [
    ['xen-syms', Buffer.from('7f454c46020101', 'hex')],
    ['xen.efi', Buffer.from('MZ')],
    ['nothing', Buffer.alloc(0)],
    ['half a gzip', gzipSync(Buffer.alloc(1000)).subarray(0, 15)],
    ['a gzip of something else', gzipSync(Buffer.from('text'))],
  ] as const) {
    it(`is not ${what}`, () => {
      assert.throws(() => bootableOf('file', bytes), { code: 'not-bootable' });
    });
  }
});

function bzImage(version: string): Buffer {
  const bytes = Buffer.alloc(4096);
  bytes.write('HdrS', 0x202, 'latin1');
  bytes.writeUInt16LE(0x400, 0x20e);
  bytes.write(`${version} (someone@somewhere) #1`, 0x600, 'latin1');
  return bytes;
}

describe('a kernel', () => {
  it('tells its version, packaged or not', () => {
    assert.equal(kernelVersion(bzImage('6.1.0-56-amd64')), '6.1.0-56-amd64');
    const plain = Buffer.from('\x7fELF...Linux version 4.19.0+1 (mockbuild@x) ', 'latin1');
    assert.equal(kernelVersion(plain), '4.19.0+1');
  });

  it('that is none, or is cut short, tells nothing, and is left as it is', () => {
    const pointing = bzImage('');
    pointing.writeUInt16LE(0xffff, 0x20e);
    for (const bytes of [Buffer.alloc(0), Buffer.from('HdrS'), Buffer.alloc(4096), pointing]) {
      assert.equal(kernelVersion(bytes), null);
      assert.equal(unpackedKernel(bytes), bytes);
    }
    const short = bzImage('1.2').subarray(0, 0x210);
    assert.equal(kernelVersion(short), null);
    assert.equal(unpackedKernel(short), short);
  });
});

describe('modules of a kernel', () => {
  const module = (depends: string) => Buffer.from(`...\0depends=${depends}\0name=x\0`);

  function tree(t: Parameters<typeof temporaryFolder>[0]): string {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'kernel', 'drivers'), { recursive: true });
    writeFileSync(join(folder, 'kernel', 'xen-privcmd.ko'), module(''));
    writeFileSync(
      join(folder, 'kernel', 'drivers', 'xenfs.ko.gz'),
      gzipSync(module('xen-privcmd')),
    );
    writeFileSync(join(folder, 'modules.builtin'), 'kernel/drivers/virtio_pci.ko\n');
    return folder;
  }

  it('come behind what they need, unpacked; what is built in is none', (t) => {
    const found = modulesIn(tree(t), ['xenfs', 'virtio-pci', 'xen_privcmd']);
    assert.deepEqual([...found.keys()], ['xen_privcmd.ko', 'xenfs.ko']);
    assert.deepEqual(found.get('xenfs.ko'), module('xen-privcmd'));
  });

  it('are missed by name', (t) => {
    const folder = tree(t);
    assert.equal(areIn(folder, ['virtio-pci', 'xenfs']), true);
    assert.equal(areIn(folder, ['virtio-console']), false);
    assert.throws(() => modulesIn(folder, ['virtio-console']), {
      code: 'rehearsal-unavailable',
      message: /virtio-console/,
    });
  });

  it('lie beside the kernel, as a package has them', (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'lib', 'modules', '1.2.3'), { recursive: true });
    const found = moduleFolder(join(folder, 'boot'), '1.2.3');
    assert.equal(found, join(folder, 'lib', 'modules', '1.2.3'));
    assert.equal(moduleFolder(join(folder, 'boot'), '9.9.9-none'), null);
  });
});

describe('the mirror of Debian', () => {
  it('is that of the sources, in either style, or the one that is named', (t) => {
    const folder = temporaryFolder(t);
    assert.throws(() => findMirror({}, folder), { code: 'rehearsal-unavailable' });
    const named = findMirror({ XSPLICE_DEBIAN_MIRROR: 'http://mirror/debian' }, folder);
    assert.deepEqual(named, {
      archive: 'http://mirror/debian',
      security: 'http://mirror/debian-security',
    });
    writeFileSync(join(folder, 'sources.list'), 'deb [a=b] http://one/debian trixie main\n');
    assert.equal(findMirror({}, folder).archive, 'http://one/debian');
    mkdirSync(join(folder, 'sources.list.d'));
    const style = 'Types: deb\nURIs: http://two/debian\nSuites: sid\nComponents: main\n';
    writeFileSync(join(folder, 'sources.list'), '');
    writeFileSync(join(folder, 'sources.list.d', 'debian.sources'), style);
    assert.equal(findMirror({}, folder).archive, 'http://two/debian');
  });
});
