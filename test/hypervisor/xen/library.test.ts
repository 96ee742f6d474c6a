import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type * as library from '../../../core/hypervisor/xen/handle/library.js';

const BUILT = join(import.meta.dirname, '..', '..', '..');
/** library.js and all that it loads of ours. */
const MODULES = ['hypervisor/xen/handle/library.js', 'abi/errno.js', 'findings'].map((path) =>
  join('core', path),
);

/**
 * The built library.js beside another koffi: it is a copy in a folder of its own. Null is a koffi without
 * its program, which no koffi in a folder above can stand in for.
 */
async function libraryWith(t: TestContext, koffi: string | null): Promise<typeof library> {
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-library-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  for (const module of MODULES) {
    mkdirSync(join(folder, dirname(module)), { recursive: true });
    cpSync(join(BUILT, module), join(folder, module), { recursive: true });
  }
  const own = join(folder, 'node_modules', 'koffi');
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'package.json'), '{"name":"koffi","main":"index.cjs"}');
  if (koffi !== null) writeFileSync(join(own, 'index.cjs'), koffi);
  return import(pathToFileURL(join(folder, MODULES[0] ?? '')).href);
}

/** A koffi whose libxencall has these functions, and 13 (EACCES) in errno. */
function koffiWith(functions: string): string {
  return `
    const pages = new ArrayBuffer(16384);
    new Uint8Array(pages).fill(0xee);
    const functions = { ${functions} };
    module.exports = {
      load: () => ({ func: (text) => functions[/xencall\\w+/.exec(text)[0]] ?? (() => 0) }),
      address: () => 0x1000n,
      view: (pointer, size) => pages.slice(0, size),
      errno: () => 13,
    };`;
}

/** The start of a library that opens. */
const OPENS = 'xencall_open: () => ({}),';

describe('libxencall', () => {
  const table: readonly (readonly [
    what: string,
    koffi: string | null,
    code: string,
    message: RegExp,
    hint: RegExp,
  ])[] = [
    ['without koffi', null, 'xen-no-koffi', /koffi.* could not be loaded/, /npm install koffi/],
    [
      'with a koffi that does not run here',
      'throw new Error("wrong ELF class")',
      'xen-no-koffi',
      /koffi.* could not be loaded/,
      /npm install koffi/,
    ],
    [
      'without the library',
      'module.exports = { load() { throw new Error("no such file"); } }',
      'xen-no-library',
      /libxencall\.so\.1 could not be loaded: no such file/,
      /libxencall1/,
    ],
    [
      'that lacks a function',
      'module.exports = { load: () => ({ func() { throw new Error("not found"); } }) };',
      'xen-no-library',
      /libxencall\.so\.1 has no function xencall_open/,
      /libxencall1/,
    ],
    [
      'that may not open its device',
      koffiWith('xencall_open: () => null'),
      'xen-open-failed',
      /could not be opened: EACCES/,
      /root/,
    ],
  ];
  for (const [what, koffi, code, message, hint] of table) {
    it(`${what} is ${code}`, async (t) => {
      const { openXenCall } = await libraryWith(t, koffi);
      assert.throws(
        () => openXenCall(),
        (error) => {
          assert.ok(error instanceof Error && 'code' in error && 'hint' in error);
          assert.equal(error.code, code);
          assert.match(error.message, message);
          assert.match(String(error.hint), hint);
          return true;
        },
      );
    });
  }

  it('without memory for a buffer is xen-no-memory', async (t) => {
    const none = koffiWith(`${OPENS} xencall_alloc_buffer: () => null`);
    const { openXenCall } = await libraryWith(t, none);
    const call = openXenCall();
    assert.throws(() => call.allocate(4097), {
      code: 'xen-no-memory',
      message: /buffer of 8192 bytes/,
      hint: /memory/,
    });
  });

  it('buffers are whole pages of zeroes', async (t) => {
    const { openXenCall } = await libraryWith(t, koffiWith(OPENS));
    const { address, bytes } = openXenCall().allocate(4097);
    assert.equal(address, 0x1000n);
    assert.deepEqual(Buffer.from(bytes), Buffer.alloc(8192));
  });

  it('a failed hypercall gives its errno, negative; any other result stays', async (t) => {
    const { openXenCall } = await libraryWith(
      t,
      koffiWith(`${OPENS} xencall1: () => -1, xencall2: () => 0x40011`),
    );
    const call = openXenCall();
    assert.equal(call.call(35, 0n), -13);
    assert.equal(call.call(17, 0n, 0n), 0x4_0011);
  });

  it('is closed once, however often that is asked', async (t) => {
    const counting = koffiWith(
      `${OPENS} xencall_close: () => { pages.closed = (pages.closed ?? 0) + 1; }, xencall2: () => pages.closed`,
    );
    const { openXenCall } = await libraryWith(t, counting);
    const call = openXenCall();
    call.close();
    call.close();
    assert.equal(call.call(17, 0n, 0n), 1);
  });
});
