import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { branchesInto, loadDisassembler, mayJumpInto } from '../../core/x86/index.js';
import { hexBytes } from '../support/elf-builder.js';

const AT = 0xffff82d0_40201000n;
/** Where a trampoline behind an ENDBR64 is. */
const [FROM, TO] = [AT + 4n, AT + 9n];

describe('jumps that code may have', () => {
  it('what the disassembler finds is never ruled out', () => {
    const opcodes = [0x0f, 0x84, 0x66, 0x67, 0x48, 0xff, 0xe0, 0x25, 0x2d, 0xc7, 0xf8, 0xe3, 0xe8];
    const byte = fc.oneof(
      fc.constantFrom(...opcodes, 0xe9, 0xeb, 0x74),
      fc.integer({ min: -40, max: 8 }).map((distance) => distance & 0xff),
      fc.nat(255),
    );
    const { decodeFunction } = loadDisassembler();
    let found = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.array(byte, { maxLength: 30 }), (a, b) => {
        const bytes = Uint8Array.from([...a, ...b]);
        const code = decodeFunction(bytes, AT);
        const jumps =
          branchesInto(code, FROM, TO).length > 0 ||
          code.some(({ flow }) => flow === 'indirect-jump');
        if (jumps) found++;
        assert.ok(!jumps || mayJumpInto(bytes, AT, FROM, TO));
      }),
      { numRuns: 5000 },
    );
    assert.ok(found > 100, `${found} of the cases had jumps`);
  });

  const cases: readonly (readonly [code: string, what: string, expected: boolean])[] = [
    ['f3 0f 1e fa 48 8d 05 11 22 33 00 c3', 'lea, ret', false],
    ['f3 0f 1e fa 55 e8 d0 ff ff ff e8 d0 ff ff ff c3', 'calls to elsewhere', false],
    ['f3 0f 1e fa 55 48 89 e5 90 eb fa', 'jmp to the second byte of the patch', true],
    ['f3 0f 1e fa 55 48 89 e5 90 eb f9', 'jmp to its start', false],
    ['f3 0f 1e fa 55 48 89 e5 90 eb fe', 'jmp to its end', false],
    ['f3 0f 1e fa 55 48 89 e5 90 0f 84 f6 ff ff ff', 'je into it', true],
    ['f3 0f 1e fa 55 48 89 e5 90 ff e0', 'jmp *%rax', true],
    ['f3 0f 1e fa 55 48 89 e5 90 ff 25 00 00 00 00', 'jmp *0(%rip)', true],
    ['f3 0f 1e fa 55 48 89 e5 90 eb', 'a jmp that is cut off', false],
  ];
  for (const [code, what, expected] of cases) {
    it(`${what}: ${expected}`, () => {
      assert.equal(mayJumpInto(hexBytes(code), AT, FROM, TO), expected);
    });
  }
});
