import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { check, targetOfImage } from '../../core/check/index.js';
import { ET, SHF, SHN, STB, STT } from '../../core/elf/constants.js';
import { readImage } from '../../core/image/index.js';
import { inputFile } from '../../core/payload/index.js';
import { withFields } from '../support/bytes.js';
import { DEMO_IMAGE, demo } from '../support/cli.js';
import { buildElf, hexBytes, type SymbolSpec } from '../support/elf-builder.js';
import { LOAD_BASE, loadedBytes, VIRT_START } from '../support/image-builder.js';
import { sectionOf } from '../support/tiny-model.js';

const BASE = VIRT_START + BigInt(LOAD_BASE);
const ID = hexBytes('11'.repeat(20));

/** An xen-syms with this .symtab, and Xen's own table in it unless it is left out. */
function image(symbols: readonly SymbolSpec[], own = true, extra = '') {
  const data = own ? loadedBytes(ID) : new Uint8Array(256);
  return readImage(
    buildElf({
      type: ET.EXEC,
      sections: [
        { name: '.text', flags: SHF.ALLOC | SHF.EXECINSTR, address: BASE, data },
        {
          name: '.rodata',
          flags: SHF.ALLOC,
          address: BASE + 0x100000n,
          data: Buffer.from(`${extra}\0`, 'latin1'),
        },
      ],
      symbols,
    }),
    'xen-syms',
  );
}

const local = (name: string, offset: bigint): SymbolSpec => ({
  ...{ name, binding: STB.LOCAL, type: STT.FUNC, section: '.text' },
  ...{ value: BASE + offset, size: 1n },
});
const FILE: SymbolSpec = {
  ...{ name: 'common/filler.c', binding: STB.LOCAL, type: STT.FILE, section: SHN.ABS },
};

const codesOf = ({ findings }: ReturnType<typeof image>) =>
  findings.flatMap(({ code, severity }) =>
    code.startsWith('image-no-b') ? [] : `${severity} ${code}`,
  );

describe('an xen-syms without FILE symbols (strip --strip-debug)', () => {
  it('is read by the table of Xen itself, with the sizes that its own has', () => {
    const stripped = image([local('filler_3', 0x83n)]);
    assert.equal(stripped.symbolSource, 'embedded');
    assert.equal(stripped.symbols?.lookup('filler_3'), null);
    const address = stripped.symbols?.lookup('common/filler.c#filler_3');
    assert.equal(address, BASE + 0x83n);
    assert.equal(stripped.symbols?.at(BASE + 0x83n)[0]?.size, 1n);
    assert.deepEqual(codesOf(stripped), ['note image-no-file-names']);
  });

  it('is said to be wrong on local names where that table is not found', () => {
    const stripped = image([local('filler_3', 3n)], false);
    assert.equal(stripped.symbolSource, 'symtab');
    assert.deepEqual(codesOf(stripped), ['warning image-no-file-names']);
  });

  it('is none where the FILE symbols are there, or no local one needs them', () => {
    for (const symbols of [[FILE, local('filler_3', 3n)], [{ ...local('all', 3n), binding: 1 }]]) {
      const whole = image(symbols);
      assert.equal(whole.symbolSource, 'symtab');
      assert.deepEqual(codesOf(whole), []);
    }
  });

  it('is told by check beside its verdicts', async () => {
    const bytes = readFileSync(DEMO_IMAGE);
    // The demo image with its FILE symbols made symbols of nothing.
    const at = sectionOf(bytes, '.symtab').offset;
    const count = 1872 / 24;
    const files = Array.from({ length: count }, (_, i) => at + i * 24 + 4).filter(
      (info) => (bytes[info] ?? 0) % 16 === STT.FILE,
    );
    assert.ok(files.length > 0);
    const changed = withFields(
      bytes,
      files.map((info) => ({ at: info, size: 1, value: 0n })),
    );
    const target = targetOfImage(readImage(changed, 'stripped'));
    const file = demo('hello');
    const report = await check([inputFile(file, readFileSync(file))], target);
    assert.ok(report.findings.some(({ code }) => code === 'image-no-file-names'));
  });
});

describe('a debug build', () => {
  it('is told by the format of a line that only it prints', () => {
    const format = 'livepatch: %s: new symbol %s\n';
    assert.deepEqual(codesOf(image([FILE, local('filler_3', 3n)], true, format)), [
      'note image-debug-build',
    ]);
  });
});
