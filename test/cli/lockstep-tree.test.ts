import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readImage } from '../../core/image/index.js';
import { DEMO_IMAGE, demo, documentOf, runCli, temporaryFolder } from '../support/cli.js';
import {
  hasCompiler,
  makeXenLibrary,
  makeXenProgram,
  XEN_LIBRARIES,
} from '../support/fake-hosts.js';

const skip = hasCompiler && process.arch === 'x64' ? false : 'no gcc for x86-64 here';
const XL = '/usr/lib/xen-4.17/bin/xl';
const LIGHT = 'libxenlight.so.4.17';
const PAYLOADS = '/usr/lib/xen-livepatch';

interface Module {
  readonly file: string;
  readonly outcome: string;
  readonly reason: string | null;
}
interface Host {
  readonly host: string;
  readonly kind: string;
  readonly start: Module;
  readonly modules: readonly Module[];
}

async function judge(root: string) {
  const result = await runCli(['lockstep', '--root', root, '--json']);
  const document = documentOf(result);
  const findings = document['findings'] as readonly { code: string; file?: string }[];
  return {
    code: result.code,
    hosts: document['hosts'] as readonly Host[],
    codes: findings.map(({ code }) => code),
    findings,
  };
}

describe("a tree with Xen's programs", { skip }, () => {
  it('has each with the libraries that it loads', async (t) => {
    const root = temporaryFolder(t);
    makeXenProgram(root, XL, makeXenLibrary(root, LIGHT));
    const { code, hosts, codes } = await judge(root);
    assert.deepEqual([code, codes], [0, []]);
    assert.deepEqual(
      hosts.map(({ host, kind, modules }) => [host, kind, modules.map(({ file }) => file)]),
      [[XL, 'linked', [`${XEN_LIBRARIES}/${LIGHT}`]]],
    );
    assert.equal(hosts[0]?.modules[0]?.outcome, 'accepted');
  });

  it('says which do not start', async (t) => {
    const root = temporaryFolder(t);
    const library = makeXenLibrary(root, LIGHT);
    makeXenProgram(root, XL, library);
    rmSync(library);
    const gone = await judge(root);
    assert.deepEqual([gone.code, gone.codes], [3, ['lockstep-host-refused']]);
    assert.equal(gone.hosts[0]?.start.reason, 'link-library-missing');
    makeXenLibrary(root, LIGHT, { version: 'libxenlight_4.18.0' });
    const other = await judge(root);
    assert.deepEqual([other.code, other.hosts[0]?.start.reason], [3, 'link-version-missing']);
  });

  it('has no word for libraries that never had versions, and one for a wrong name', async (t) => {
    const root = temporaryFolder(t);
    makeXenProgram(root, XL, makeXenLibrary(root, LIGHT, { version: null }));
    const old = await judge(root);
    assert.deepEqual([old.code, old.codes], [0, []]);
    assert.equal(old.hosts[0]?.modules[0]?.outcome, 'not-proven');
    makeXenLibrary(root, LIGHT, { version: null, soname: 'libxenlight.so.4.14' });
    const wrong = await judge(root);
    assert.deepEqual([wrong.code, wrong.codes], [0, ['link-not-proven']]);
  });

  it('passes over programs that need nothing of the kind', async (t) => {
    const root = temporaryFolder(t);
    makeXenProgram(root, '/usr/bin/xenial', makeXenLibrary(root, 'libother.so.1'));
    assert.deepEqual((await judge(root)).codes, ['lockstep-no-hosts']);
  });
});

describe('a tree with payloads', () => {
  const id = readImage(readFileSync(DEMO_IMAGE), DEMO_IMAGE).buildIds[0]?.id ?? '';
  const put = (root: string, path: string, from: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    copyFileSync(from, join(root, path));
  };
  const boot = (root: string) => {
    put(root, '/boot/xen-syms-demo', DEMO_IMAGE);
    writeFileSync(join(root, '/boot/xen-4.17.config'), 'CONFIG_LIVEPATCH=y');
    symlinkSync('xen-syms-demo', join(root, '/boot/xen'));
  };

  it('has each folder with the hypervisor that it is called by', async (t) => {
    const root = temporaryFolder(t);
    boot(root);
    const folder = `${PAYLOADS}/${id}`;
    put(root, `${folder}/hello.livepatch`, demo('hello'));
    put(root, `${folder}/too-small.livepatch`, demo('too-small'));
    // As XCP-ng names the newest.
    symlinkSync('hello.livepatch', join(root, folder, 'livepatch.livepatch'));
    const { code, hosts } = await judge(root);
    assert.equal(code, 3);
    assert.deepEqual(
      hosts.map(({ host, kind, modules }) => [
        host,
        kind,
        modules.map(({ file, outcome }) => [file, outcome]),
      ]),
      [
        [
          '/boot/xen-syms-demo',
          'xen',
          [
            [`${folder}/hello.livepatch`, 'accepted'],
            [`${folder}/too-small.livepatch`, 'refused'],
          ],
        ],
      ],
    );
  });

  it('takes what lies loose by what it says itself', async (t) => {
    const root = temporaryFolder(t);
    boot(root);
    put(root, `${PAYLOADS}/hello.livepatch`, demo('hello'));
    const { code, hosts } = await judge(root);
    assert.equal(code, 0);
    assert.deepEqual(
      hosts.map(({ modules }) => modules.map(({ outcome }) => outcome)),
      [['accepted']],
    );
  });

  it('makes no verdict where the hypervisor is not there', async (t) => {
    const root = temporaryFolder(t);
    boot(root);
    put(root, `${PAYLOADS}/${'ab'.repeat(20)}/hello.livepatch`, demo('hello'));
    const { code, hosts, codes } = await judge(root);
    assert.deepEqual([code, hosts, codes], [0, [], ['lockstep-hypervisor-absent']]);
  });

  it('says that a payload is in the folder of another hypervisor', async (t) => {
    const root = temporaryFolder(t);
    boot(root);
    put(root, `${PAYLOADS}/${id}/wrong.livepatch`, demo('wrong-xen-depends'));
    const { code, hosts, codes } = await judge(root);
    assert.equal(code, 3);
    assert.ok(codes.includes('wrong-hypervisor'), codes.join());
    assert.equal(hosts[0]?.modules[0]?.outcome, 'refused');
  });

  it('follows no link out of it, and reads what is damaged', async (t) => {
    const root = temporaryFolder(t);
    boot(root);
    writeFileSync(join(root, '/boot/xen-cut'), readFileSync(DEMO_IMAGE).subarray(0, 3000));
    put(root, `${PAYLOADS}/${id}/cut.livepatch`, demo('hello'));
    writeFileSync(
      join(root, PAYLOADS, id, 'cut.livepatch'),
      readFileSync(demo('hello')).subarray(0, 700),
    );
    symlinkSync(demo('hello'), join(root, PAYLOADS, id, 'outside.livepatch'));
    const { hosts, findings, code } = await judge(root);
    assert.ok(code === 1 || code === 3, `${code}`);
    assert.deepEqual(
      hosts.map(({ modules }) => modules.map(({ file }) => file)),
      [[`${PAYLOADS}/${id}/cut.livepatch`]],
    );
    assert.ok(findings.some(({ file }) => file === '/boot/xen-cut'));
  });
});
