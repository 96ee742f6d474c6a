import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHF } from '../../core/elf/constants.js';
import { createSymbolTable, type XenSymbol } from '../../core/image/symbol-table.js';
import { codeGraph, footprintOf, readBaseCode, tryPayload } from '../../core/oldcode/index.js';
import { readPayload } from '../../core/payload/index.js';
import { loadDisassembler } from '../../core/x86/index.js';
import { hexBytes } from '../support/elf-builder.js';
import { plainFunction, TEXT, tinyModel, tinyPayload } from '../support/tiny-model.js';

const DATA = TEXT + 0x400000n;
const COUNTER = DATA + 0x100n;
const PLAIN = DATA + 0x800n;
const OLD_AT = 0x100;
const CALLEE_AT = 0x140;

/** AT&T syntax in the comments; `…` stands for the distance to the variable. */
const CODE = {
  take: '488d05 …', // lea counter(%rip), %rax
  mine: '480341d1', // add -0x2f(%rcx), %rax
  up: '830001', // addl $1, (%rax)
  down: '832801', // subl $1, (%rax)
  inc: 'ff00', // incl (%rax)
  dec: 'ff08', // decl (%rax)
  upTwice: '830002', // addl $2, (%rax)
  store: 'c70005000000', // movl $5, (%rax)
  read: '8b08', // mov (%rax), %ecx
  skipUp: '7403', // je over the next 3 bytes
  clear: '31c0', // xor %eax, %eax
  pass: '4889c7', // mov %rax, %rdi
  upPassed: '830701', // addl $1, (%rdi)
  keep: '488906', // mov %rax, (%rsi)
  push: '50', // push %rax
  pop: '58', // pop %rax
  call: 'e8 ←', // call other_fn
  callThrough: 'ffd1', // call *%rcx
  back: 'ebfb', // jmp 3 bytes before it
  ret: 'c3',
} as const;
type Piece = keyof typeof CODE;

/** Code with its variable, and its callee, put in at the address that it has. */
function assemble(pieces: readonly Piece[], at: bigint, variable: bigint): Uint8Array {
  const bytes: number[] = [];
  const distance = (target: bigint) => {
    const value = Number(target - (at + BigInt(bytes.length) + 4n));
    const view = new DataView(new ArrayBuffer(4));
    view.setInt32(0, value, true);
    return [...new Uint8Array(view.buffer)];
  };
  for (const piece of pieces) {
    const [opcode = '', operand] = CODE[piece].split(' ');
    bytes.push(...hexBytes(opcode));
    if (operand === '…') bytes.push(...distance(variable));
    if (operand === '←') bytes.push(...distance(TEXT + BigInt(CALLEE_AT)));
  }
  return Uint8Array.from(bytes);
}

/** How new code that replaces old code uses a variable. `callee` is what other_fn does. */
function useOf(
  pieces: readonly Piece[],
  { old = ['ret'], callee = ['ret'], variable = COUNTER }: Options = {},
): string | undefined {
  const oldCode = assemble(old, TEXT + BigInt(OLD_AT), variable);
  const calleeCode = assemble(callee, TEXT + BigInt(CALLEE_AT), variable);
  const functions = [
    { name: 'plain_fn', offset: OLD_AT, code: padded(oldCode) },
    { name: 'other_fn', offset: CALLEE_AT, code: padded(calleeCode) },
  ];
  const symbol = (name: string, address: bigint, type: string): XenSymbol => ({
    ...{ name, address, type, size: 0n },
  });
  const text = new Uint8Array(0x2000).fill(0xcc);
  for (const { offset, code } of functions) text.set(code, offset);
  const range = (address: bigint, bytes: Uint8Array, writable: boolean) => ({
    ...{ address, bytes, sizeBytes: BigInt(bytes.length) },
    ...{ writable, executable: !writable, init: false },
  });
  const base = readBaseCode({
    file: 'xen-syms',
    memory: [range(TEXT, text, false), range(DATA, new Uint8Array(0x1000), true)],
    symbols: createSymbolTable([
      ...functions.map(({ name, offset }) => symbol(name, TEXT + BigInt(offset), 'T')),
      symbol('__per_cpu_start', DATA, 'B'),
      symbol('counter', COUNTER, 'B'),
      symbol('__per_cpu_data_end', DATA + 0x400n, 'B'),
      symbol('plain', PLAIN, 'B'),
    ]),
  });
  const symbols = new Map([
    ['counter', COUNTER],
    ['plain', PLAIN],
  ]);
  const model = tinyModel('4.17.7', { functions, symbols });
  // Relocations put the distances in, as those of the old code are put in by hand.
  const code = assemble(pieces, 0n, 0n);
  const name = variable === COUNTER ? 'counter' : 'plain';
  const relocations = placesOf(pieces).map(({ at, operand }) => ({
    ...{ section: '.text.new', offset: BigInt(at), type: 2, addend: -4n },
    symbol: operand === '…' ? name : 'other_fn',
  }));
  const bytes = tinyPayload({
    functions: [plainFunction({ newSize: code.length })],
    extraSections: [{ name: '.text.new', flags: SHF.ALLOC | SHF.EXECINSTR, data: code, align: 16 }],
    extraSymbols: [
      { name: 'new_code', section: '.text.new', size: BigInt(code.length), type: 2, binding: 0 },
      { name },
      { name: 'other_fn' },
    ],
    extraRelocations: relocations,
  });
  const disassembler = loadDisassembler();
  const result = tryPayload(disassembler, base, model, readPayload(bytes, 'a.livepatch'));
  assert.equal(result.status, 'loaded');
  if (result.status !== 'loaded') return undefined;
  const { graph, own } = result.trial;
  return footprintOf(codeGraph(disassembler, graph.code), own).variables.get(name);
}

interface Options {
  readonly old?: readonly Piece[];
  readonly callee?: readonly Piece[];
  readonly variable?: bigint;
}

function padded(code: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(64).fill(0xcc);
  bytes.set(code);
  return bytes;
}

function placesOf(pieces: readonly Piece[]) {
  let at = 0;
  return pieces.flatMap((piece) => {
    const [opcode = '', operand] = CODE[piece].split(' ');
    at += opcode.length / 2;
    if (operand === undefined) return [];
    at += 4;
    return [{ at: at - 4, operand }];
  });
}

const TAKE: readonly Piece[] = ['take', 'mine'];
const END: readonly Piece[] = ['clear', 'ret'];

describe('a per-CPU variable', () => {
  it('is counted where all that is done is to add and take off again', () => {
    assert.equal(useOf([...TAKE, 'up', 'down', ...END]), 'count');
    assert.equal(useOf([...TAKE, 'inc', 'dec', ...END]), 'count');
    assert.equal(useOf([...TAKE, 'inc', 'read', 'call', ...TAKE, 'dec', ...END]), 'count');
    assert.equal(useOf([...TAKE, 'push', 'inc', 'call', 'pop', 'dec', ...END]), 'count');
  });

  it('is only read where nothing else is done', () => {
    assert.equal(useOf([...TAKE, 'read', ...END]), 'read');
  });

  it('is written where the sum is not 0 on some way through', () => {
    for (const code of [
      ['up'],
      ['down'],
      ['up', 'up', 'down'],
      ['upTwice', 'down'],
      ['skipUp', 'up', 'down'],
    ] as const) {
      assert.equal(useOf([...TAKE, ...code, ...END]), 'write', code.join(' '));
    }
    assert.equal(useOf([...TAKE, 'up', 'back']), 'write', 'a loop');
  });

  it('is counted as the code that is replaced counts: what a callee added is taken off', () => {
    const old: readonly Piece[] = [...TAKE, 'down', ...END];
    assert.equal(useOf([...TAKE, 'down', ...END], { old }), 'count');
    assert.equal(useOf([...TAKE, 'dec', ...END], { old }), 'count');
    assert.equal(useOf([...TAKE, 'down', 'down', ...END], { old }), 'write');
    assert.equal(useOf([...TAKE, 'up', ...END], { old }), 'write');
  });

  it('is written by a store, whatever else counts', () => {
    const old: readonly Piece[] = [...TAKE, 'store', ...END];
    assert.equal(useOf([...TAKE, 'store', ...END], { old }), 'write');
    assert.equal(useOf([...TAKE, 'up', 'store', 'down', ...END], { old }), 'write');
  });

  it('is written where its address goes to where it is not followed', () => {
    const callee: readonly Piece[] = ['upPassed', 'ret'];
    assert.equal(useOf([...TAKE, 'keep', 'up', 'down', ...END]), 'write', 'into memory');
    assert.equal(useOf([...TAKE, 'pass', 'callThrough', ...END]), 'write', 'into the unknown');
    assert.equal(useOf([...TAKE, 'ret']), 'write', 'to the caller');
    assert.equal(useOf([...TAKE, 'pass', 'call', ...END], { callee }), 'write', 'to a callee');
    // A callee that does not look at it does not get it.
    assert.equal(useOf([...TAKE, 'read', 'pass', 'call', ...END]), 'read');
  });

  it('stays in the register of results by chance where the old code leaves it there', () => {
    const old: readonly Piece[] = [...TAKE, 'down', 'ret'];
    assert.equal(useOf([...TAKE, 'down', 'ret'], { old }), 'count');
    assert.equal(useOf([...TAKE, 'down', 'ret']), 'write');
  });
});

describe('a variable that all CPUs share', () => {
  it('is written where it is counted: another CPU may look meanwhile', () => {
    assert.equal(useOf([...TAKE, 'up', 'down', ...END], { variable: PLAIN }), 'write');
    assert.equal(useOf([...TAKE, 'read', ...END], { variable: PLAIN }), 'read');
  });
});
