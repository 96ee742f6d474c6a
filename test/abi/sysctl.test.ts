import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeGet,
  decodeList,
  decodeListEntries,
  decodeReadConsole,
  encodeAction,
  encodeDebugKeys,
  encodeGet,
  encodeList,
  encodeName,
  encodeReadConsole,
  encodeUpload,
  type InterfaceVersion,
  SYSCTL_INTERFACE_VERSIONS,
  XEN_SYSCTL_SIZE,
} from '../../core/abi/sysctl.js';
import { XspliceError } from '../../core/findings/index.js';

const NAME = { address: 0x1122334455667788n, sizeBytes: 6 };
const NAME_HEX = '8877665544332211 0600 0000 0000 0000';

/** The struct as hex, without blanks, with the zeroes behind it. */
function expected(hex: string): string {
  return hex.replaceAll(/\s/g, '').padEnd(2 * XEN_SYSCTL_SIZE, '0');
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof XspliceError && error.code === code;
}

const LIST = {
  index: 2,
  count: 3,
  nameSizeBytes: 0x384,
  metadataSizeBytes: 0x1000,
  status: 0x10n,
  name: 0x20n,
  nameLength: 0x30n,
  metadata: 0x40n,
  metadataLength: 0xffff_ffff_ffff_fff0n,
};
const LIST_HEAD = '02000000 00000000  00000000 02000000 03000000 00000000';
const THREE_HANDLES = '1000000000000000 2000000000000000 3000000000000000';
const FIVE_HANDLES = `${THREE_HANDLES} 4000000000000000 f0ffffffffffffff`;

describe('sysctl requests, byte for byte', () => {
  const upload = encodeUpload(0x15, NAME, { address: 0xabcdn, sizeBytes: 0x12345 });
  const action = { name: NAME, timeoutNs: 0x01020304, nodeps: false };
  const table: readonly (readonly [what: string, bytes: Uint8Array, hex: string])[] = [
    [
      'upload',
      upload,
      `1b000000 15000000 00000000 00000000 ${NAME_HEX} 4523010000000000 cdab000000000000`,
    ],
    ['get', encodeGet(0x16, NAME), `1b000000 16000000 01000000 00000000 ${NAME_HEX}`],
    [
      'list of 4.12: no sizes, three handles',
      encodeList(0x12, LIST),
      `1b000000 12000000 ${LIST_HEAD} ${THREE_HANDLES}`,
    ],
    [
      'list of 4.17: sizes are outputs',
      encodeList(0x15, LIST),
      `1b000000 15000000 ${LIST_HEAD} 00000000 00000000 ${FIVE_HANDLES}`,
    ],
    [
      'list of 4.21: sizes are inputs too',
      encodeList(0x16, LIST),
      `1b000000 16000000 ${LIST_HEAD} 84030000 00100000 ${FIVE_HANDLES}`,
    ],
    [
      'action of 4.12: no flags',
      encodeAction(0x12, { ...action, action: 'UNLOAD' }),
      `1b000000 12000000 03000000 00000000 ${NAME_HEX} 01000000 04030201`,
    ],
    [
      'action of 4.14, NODEPS',
      encodeAction(0x13, { ...action, action: 'APPLY', nodeps: true }),
      `1b000000 13000000 03000000 00000000 ${NAME_HEX} 03000000 04030201 01000000 00000000`,
    ],
    [
      'replace',
      encodeAction(0x14, { ...action, action: 'REPLACE' }),
      `1b000000 14000000 03000000 00000000 ${NAME_HEX} 04000000 04030201`,
    ],
    [
      'revert with the longest timeout',
      encodeAction(0x15, { ...action, action: 'REVERT', timeoutNs: 0xffff_ffff }),
      `1b000000 15000000 03000000 00000000 ${NAME_HEX} 02000000 ffffffff`,
    ],
    [
      'readconsole from the start',
      encodeReadConsole(0x15, null, NAME),
      '01000000 15000000 00000000 00000000 8877665544332211 06000000',
    ],
    [
      'readconsole from an index',
      encodeReadConsole(0x15, 0xdeadbeef, NAME),
      '01000000 15000000 00010000 efbeadde 8877665544332211 06000000',
    ],
    [
      'debug keys',
      encodeDebugKeys(0x13, { ...NAME, sizeBytes: 1 }),
      '07000000 13000000 8877665544332211 01000000',
    ],
  ];
  for (const [what, bytes, hex] of table) {
    it(what, () => assert.equal(hexOf(bytes), expected(hex)));
  }

  it('tries the newest interface first', () => {
    assert.deepEqual(SYSCTL_INTERFACE_VERSIONS, [0x16, 0x15, 0x14, 0x13, 0x12]);
  });
});

describe('sysctl requests that cannot be', () => {
  it('NODEPS before 4.14', () => {
    const request = { name: NAME, action: 'APPLY', timeoutNs: 0, nodeps: true } as const;
    assert.throws(() => encodeAction(0x12, request), hasCode('xen-no-nodeps'));
  });
  for (const timeoutNs of [-1, 0.5, 0x1_0000_0000, Number.NaN]) {
    it(`a timeout of ${timeoutNs}`, () => {
      const request = { name: NAME, action: 'APPLY', timeoutNs, nodeps: false } as const;
      assert.throws(() => encodeAction(0x15, request), hasCode('bad-timeout'));
    });
  }
});

describe('payload names', () => {
  const good: readonly (readonly [name: string, hex: string])[] = [
    ['', '00'],
    ['a', '6100'],
    ['\x1b[0m\n\xff', '1b5b306d0aff00'],
    ['n'.repeat(127), `${'6e'.repeat(127)}00`],
  ];
  for (const [name, hex] of good) {
    it(`takes ${JSON.stringify(name)}`, () => assert.equal(hexOf(encodeName(name)), hex));
  }
  for (const name of ['a\0b', '\0', '\u0100', '\u{1f600}', 'n'.repeat(128)]) {
    it(`refuses ${JSON.stringify(name)}`, () => {
      assert.throws(() => encodeName(name), hasCode('payload-bad-name'));
    });
  }
});

/** A struct of zeroes with words written at offsets. */
function answer(words: Readonly<Record<number, number>>): Uint8Array {
  const bytes = Buffer.alloc(XEN_SYSCTL_SIZE);
  for (const [offset, value] of Object.entries(words)) bytes.writeUInt32LE(value, Number(offset));
  return bytes;
}

describe('sysctl answers', () => {
  it('get: state and rc', () => {
    assert.deepEqual(decodeGet(answer({ 32: 1, 36: 0 })), { state: 'CHECKED', rc: 0 });
    const busy = decodeGet(answer({ 32: 2, 36: 0xffff_fff5 }));
    assert.deepEqual(busy, { state: 'APPLIED', rc: -11 });
  });
  for (const state of [0, 3, 0xffff_ffff]) {
    it(`get: state ${state} is not known`, () => {
      assert.throws(() => decodeGet(answer({ 32: state })), hasCode('xen-bad-answer'));
    });
  }
  it('list: sizes from 4.14 on', () => {
    const bytes = answer({ 16: 7, 24: 3, 32: 100, 36: 200 });
    const common = { stamp: 7, remaining: 3 };
    assert.deepEqual(decodeList(0x12, bytes), {
      ...common,
      nameSizeBytes: null,
      metadataSizeBytes: null,
    });
    for (const version of [0x13, 0x16] as const) {
      const sizes = { nameSizeBytes: 100, metadataSizeBytes: 200 };
      assert.deepEqual(decodeList(version, bytes), { ...common, ...sizes });
    }
  });
  it('readconsole: end and size', () => {
    const decoded = decodeReadConsole(answer({ 12: 0xffff_fff0, 24: 42 }));
    assert.deepEqual(decoded, { index: 0xffff_fff0, sizeBytes: 42 });
  });
});

describe('list entries', () => {
  const words = (...values: number[]): Uint8Array => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [index, value] of values.entries()) bytes.writeInt32LE(value, 4 * index);
    return bytes;
  };
  const packed = {
    status: words(1, 0, 2, -11),
    name: Buffer.from('one\0\0', 'latin1'),
    nameLength: words(4, 1),
    metadata: Buffer.from('a=1\0b=\xff\0', 'latin1'),
    metadataLength: words(0, 8),
  };
  const entries = [
    { name: 'one', state: 'CHECKED', rc: 0, metadata: [] },
    { name: '', state: 'APPLIED', rc: -11, metadata: ['a=1', 'b=\xff'] },
  ];

  it('packed, with metadata, from 4.14', () => {
    assert.deepEqual(decodeListEntries(0x13, 2, packed), entries);
  });
  it('in slots of 128 bytes, without metadata, up to 4.13', () => {
    const name = Buffer.alloc(256, 'x');
    name.write('one\0', 0, 'latin1');
    name.write('\0', 128, 'latin1');
    const slots = { ...packed, name, metadata: Buffer.alloc(0), metadataLength: Buffer.alloc(0) };
    assert.deepEqual(
      decodeListEntries(0x12, 2, slots),
      entries.map((entry) => ({ ...entry, metadata: [] })),
    );
  });
  const lying: readonly (readonly [what: string, version: InterfaceVersion, arrays: object])[] = [
    ['a name behind its buffer', 0x15, { nameLength: words(4, 2) }],
    ['a huge name', 0x15, { nameLength: words(-1, 1) }],
    ['metadata behind its buffer', 0x15, { metadataLength: words(0, 9) }],
    ['fewer statuses than said', 0x15, { status: words(1, 0) }],
    ['a slot that is not there', 0x12, {}],
  ];
  for (const [what, version, arrays] of lying) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => decodeListEntries(version, 2, { ...packed, ...arrays }),
        hasCode('xen-bad-answer'),
      );
    });
  }
});
