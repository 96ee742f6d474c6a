import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStyle } from '../../../cli/terminal/style.js';
import { renderJson } from '../../../cli/views/json.js';
import { listFields, renderList } from '../../../cli/views/list.js';
import { SYSCTL_INTERFACE_VERSIONS } from '../../../core/abi/sysctl.js';
import { XenHandle } from '../../../core/hypervisor/xen/handle/handle.js';
import { localHypercalls } from '../../../core/hypervisor/xen/handle/local.js';
import { negotiate } from '../../../core/hypervisor/xen/negotiate.js';
import { XenPort } from '../../../core/hypervisor/xen/port.js';
import { FakeXen } from './fake-xen.js';

const NORMALLY = { timeoutNs: 0, nodeps: false };

/** One character for each byte, as the port takes and gives names. */
const NAMES = [
  '',
  ' ',
  '\x1b[2J\x07',
  'two\nlines\r',
  '\x9b31m\xff',
  Buffer.from('ü \u202e').toString('latin1'),
  'n'.repeat(127),
  '\xff'.repeat(127),
];
const idOf = (index: number): string => index.toString(16).padStart(40, '0');

async function portTo(xen: FakeXen): Promise<XenPort> {
  const handle = await XenHandle.open(localHypercalls(xen));
  return new XenPort(await negotiate(handle));
}

async function load(port: XenPort, xen: FakeXen): Promise<void> {
  for (const [index, name] of NAMES.entries()) {
    const parent = index === 0 ? xen.buildId : idOf(index - 1);
    const { hypercallRc } = await port.upload(name, Buffer.from(`${idOf(index)}<${parent}`));
    assert.equal(hypercallRc, 0);
  }
}

describe('names of any bytes', () => {
  for (const interfaceVersion of SYSCTL_INTERFACE_VERSIONS) {
    it(`go to Xen and come back, interface 0x${interfaceVersion.toString(16)}`, async () => {
      const xen = new FakeXen({ interfaceVersion });
      const port = await portTo(xen);
      await load(port, xen);
      assert.deepEqual(
        xen.payloads.map(({ name }) => name),
        NAMES,
      );
      for (const name of NAMES) {
        const { hypercallRc, payloadRc } = await port.act(name, 'APPLY', NORMALLY);
        assert.deepEqual([hypercallRc, payloadRc], [0, 0]);
      }
      // Another run knows nothing of these uploads: ids are read out of lines that hold the names.
      const { payloads } = await (await portTo(xen)).observe();
      assert.deepEqual(
        payloads.map(({ name, buildId, position }) => [name, buildId, position]),
        NAMES.map((name, index) => [name, idOf(index), index + 1]),
      );
      const last = NAMES.at(-1) ?? '';
      await port.act(last, 'REVERT', NORMALLY);
      const { hypercallRc, payloadRc } = await port.act(last, 'UNLOAD', NORMALLY);
      assert.deepEqual([hypercallRc, payloadRc], [0, null]);
    });
  }

  it('and metadata, versions and what Xen prints reach a terminal without its commands', async () => {
    const xen = new FakeXen({ extraVersion: '.7\x1b[31m' });
    for (const [index, name] of NAMES.entries()) {
      xen.add(name, idOf(index), xen.buildId, `key=\x1b]0;title\x07\x9b\n\0`);
    }
    const snapshot = await (await portTo(xen)).observe();
    const plain = createStyle({ isTTY: false }, false, {});
    for (const verbose of [false, true]) {
      const text = renderList('xen', snapshot, new Set(), plain, verbose);
      // Line breaks are this program's own: a row for each, host, two headings, hypervisor and two lines.
      assert.equal(text.split('\n').length, NAMES.length + 6);
      assert.match(text, /\\x1b\[2J\\x07/);
      assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
    const json = renderJson(listFields('xen', snapshot, new Set()));
    assert.doesNotMatch(json.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.equal(JSON.parse(json).payloads[2].name, '\x1b[2J\x07');
  });
});
