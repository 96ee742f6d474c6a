import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import {
  branchesInto,
  type Disassembler,
  type Instruction,
  instructionAt,
  loadDisassembler,
  MAX_DECODED_BYTES,
} from '../../core/x86/index.js';
import { hexBytes } from '../support/elf-builder.js';

const AT = 0xffff82d0_40201000n;

/** Bytes, what the first instruction of them is, and how it prints. */
const INSTRUCTIONS: readonly {
  readonly code: string;
  readonly text: string;
  readonly expected: Partial<Instruction>;
}[] = [
  { code: '55', text: 'push %rbp', expected: { flow: 'next', addressFields: [] } },
  { code: 'f3 0f 1e fa', text: 'endbr64', expected: { flow: 'next', length: 4 } },
  { code: 'c3', text: 'ret', expected: { flow: 'return' } },
  { code: '48 cf', text: 'iretq', expected: { flow: 'return' } },
  { code: '0f 0b', text: 'ud2', expected: { flow: 'trap' } },
  { code: 'cc', text: 'int3', expected: { flow: 'trap' } },
  { code: 'f4', text: 'hlt', expected: { flow: 'next' } },
  { code: 'cd 82', text: 'int $0x82', expected: { flow: 'next' } },
  { code: '0f 01 c2', text: 'vmlaunch', expected: { flow: 'next', target: null } },
  {
    code: 'e8 fb ff ff ff',
    text: 'call 0xffff82d040201000',
    expected: {
      flow: 'call',
      target: AT,
      addressFields: [{ kind: 'branch', offset: 1, sizeBytes: 4 }],
    },
  },
  {
    code: 'e9 00 01 00 00',
    text: 'jmp 0xffff82d040201105',
    expected: { flow: 'jump', target: AT + 0x105n },
  },
  {
    code: 'eb fe',
    text: 'jmp 0xffff82d040201000',
    expected: {
      flow: 'jump',
      target: AT,
      addressFields: [{ kind: 'branch', offset: 1, sizeBytes: 1 }],
    },
  },
  {
    code: '0f 84 10 00 00 00',
    text: 'je 0xffff82d040201016',
    expected: {
      flow: 'conditional',
      target: AT + 0x16n,
      addressFields: [{ kind: 'branch', offset: 2, sizeBytes: 4 }],
    },
  },
  { code: 'e2 fe', text: 'loop 0xffff82d040201000', expected: { flow: 'conditional', target: AT } },
  {
    code: 'c7 f8 00 00 00 00',
    text: 'xbegin 0xffff82d040201006',
    expected: { flow: 'conditional', target: AT + 6n },
  },
  { code: 'ff d0', text: 'call *%rax', expected: { flow: 'indirect-call', target: null } },
  { code: 'ff e0', text: 'jmp *%rax', expected: { flow: 'indirect-jump', target: null } },
  {
    code: 'ff 15 0a 00 00 00',
    text: 'callq *0xffff82d040201010',
    expected: {
      flow: 'indirect-call',
      target: null,
      ripTarget: AT + 0x10n,
      addressFields: [{ kind: 'rip', offset: 2, sizeBytes: 4 }],
    },
  },
  {
    code: '48 8d 05 00 01 00 00',
    text: 'lea 0xffff82d040201107, %rax',
    expected: {
      flow: 'next',
      ripTarget: AT + 0x107n,
      addressFields: [{ kind: 'rip', offset: 3, sizeBytes: 4 }],
    },
  },
  {
    code: 'c7 05 06 00 00 00 2a 00 00 00',
    text: 'movl $0x2a, 0xffff82d040201010',
    expected: {
      ripTarget: AT + 0x10n,
      addressFields: [{ kind: 'rip', offset: 2, sizeBytes: 4 }],
    },
  },
  {
    code: '48 b8 00 10 20 40 d0 82 ff ff',
    text: 'movabs $0xffff82d040201000, %rax',
    expected: {
      immediate64: AT,
      addressFields: [{ kind: 'absolute', offset: 2, sizeBytes: 8 }],
    },
  },
  { code: 'e8 00 00', text: '(truncated) e8 00 00', expected: { flow: 'truncated', length: 3 } },
];

describe('the disassembler', () => {
  let disassembler: Disassembler;
  before(() => {
    disassembler = loadDisassembler();
  });

  for (const { code, text, expected } of INSTRUCTIONS) {
    it(`decodes ${code} as ${text}`, () => {
      const [first, ...rest] = disassembler.decodeFunction(hexBytes(code), AT);
      assert.ok(first);
      assert.equal(rest.length, 0);
      for (const [field, value] of Object.entries(expected)) {
        assert.deepEqual(first[field as keyof Instruction], value, field);
      }
      assert.equal(disassembler.format(first), text);
    });
  }

  for (const { code, access } of [
    { code: '8b 05 72 2f 00 00', access: 'read' },
    { code: '89 05 72 2f 00 00', access: 'write' },
    { code: '83 05 72 2f 00 00 01', access: 'write' },
    { code: 'f0 0f b1 0d 00 01 00 00', access: 'write' },
    { code: '83 3d 72 2f 00 00 01', access: 'read' },
    { code: 'ff 35 72 2f 00 00', access: 'read' },
    { code: 'ff 15 72 2f 00 00', access: 'read' },
    { code: '48 8d 05 72 2f 00 00', access: 'address' },
    { code: '8b 00', access: null },
  ]) {
    it(`says that ${code} does ${access ?? 'nothing'} with what RIP leads to`, () => {
      const [instruction] = disassembler.decodeFunction(hexBytes(code), AT);
      assert.ok(instruction);
      assert.equal(disassembler.ripAccess(instruction), access);
    });
  }

  it('goes on behind a byte that begins no instruction, at the right address', () => {
    const code = disassembler.decodeFunction(hexBytes('06 e8 00 00 00 00 c3 48'), AT);
    assert.deepEqual(
      code.map(({ address, flow, length }) => [address - AT, flow, length]),
      [
        [0n, 'invalid', 1],
        [1n, 'call', 5],
        [6n, 'return', 1],
        [7n, 'truncated', 1],
      ],
    );
    assert.equal(code[1]?.target, AT + 6n);
    assert.deepEqual(code.map(disassembler.format).slice(0, 2), [
      '(invalid) 06',
      'call 0xffff82d040201006',
    ]);
  });

  it('gives records whose lengths add up, whatever the bytes are', () => {
    let state = 1;
    const noise = Uint8Array.from({ length: 4096 }, () => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state >>> 16;
    });
    const code = disassembler.decodeFunction(noise, AT);
    let at = AT;
    for (const { address, length, bytes } of code) {
      assert.equal(address, at);
      assert.equal(bytes.length, length);
      at += BigInt(length);
    }
    assert.equal(at, AT + 4096n);
    assert.ok(code.some(({ flow }) => flow === 'invalid'));
  });

  it('refuses more code than a payload can hold', () => {
    assert.throws(
      () => disassembler.decodeFunction(new Uint8Array(MAX_DECODED_BYTES + 1), AT),
      /Expected code of at most 2097152 bytes to decode, found 2097153/,
    );
  });

  it('finds the instruction that an address is in', () => {
    const code = disassembler.decodeFunction(hexBytes('55 e8 00 00 00 00 c3'), AT);
    assert.equal(instructionAt(code, AT)?.length, 1);
    assert.equal(instructionAt(code, AT + 3n)?.address, AT + 1n);
    assert.equal(instructionAt(code, AT + 7n), null);
    assert.equal(instructionAt(code, AT - 1n), null);
  });

  it('finds the branches that land in the middle of a range', () => {
    // jmp +0 (to 2) · nop · nop · jmp to 3
    const code = disassembler.decodeFunction(hexBytes('eb 00 90 90 eb fd'), AT);
    const into = (from: bigint, to: bigint) =>
      branchesInto(code, AT + from, AT + to).map(({ address }) => address - AT);
    assert.deepEqual(into(0n, 5n), [0n, 4n]);
    assert.deepEqual(into(2n, 4n), [4n]);
    assert.deepEqual(into(3n, 6n), []);
  });

  it('is loaded once', () => {
    assert.equal(loadDisassembler(), disassembler);
  });
});
