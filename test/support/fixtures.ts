import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SHF, SHT, STB, STT } from '../../core/elf/constants.js';
import { looksLikeElf } from '../../core/elf/file.js';
import { buildElf, buildIdNote, buildNote, hexBytes } from './elf-builder.js';
import { repositoryRoot } from './repository.js';

/** Bytes to read, and what to call them in a test's name. */
export interface Fixture {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const ALLOC_EXEC = SHF.ALLOC | SHF.EXECINSTR;
const ALLOC_WRITE = SHF.ALLOC | SHF.WRITE;

/** An object shaped as a payload: one function, its livepatch_func, both depends notes, an id. */
export function payloadLikeElf(): Uint8Array {
  return buildElf({
    sections: [
      { name: '.text', flags: ALLOC_EXEC, data: hexBytes('b8 2a 00 00 00 c3'), align: 16 },
      { name: '.rodata.str', flags: SHF.ALLOC, data: hexBytes('78656e5f646f006869 00') },
      { name: '.livepatch.funcs', flags: ALLOC_WRITE, data: new Uint8Array(104), align: 8 },
      { name: '.bss', type: SHT.NOBITS, flags: ALLOC_WRITE, size: 64n, align: 32 },
      {
        name: '.note.gnu.build-id',
        type: SHT.NOTE,
        flags: SHF.ALLOC,
        data: buildIdNote(hexBytes('00112233445566778899aabbccddeeff00112233')),
        align: 4,
      },
      {
        name: '.livepatch.depends',
        flags: SHF.ALLOC,
        data: buildIdNote(hexBytes('aa'.repeat(16))),
      },
      {
        name: '.note.mixed',
        type: SHT.NOTE,
        data: Buffer.concat([
          buildNote('Xen', 18, hexBytes('01020304')),
          buildNote('Own', 1, hexBytes('')),
        ]),
        align: 4,
      },
    ],
    symbols: [
      { name: 'new_code.c', binding: STB.LOCAL, type: STT.FILE, section: 0xfff1 },
      { name: '', binding: STB.LOCAL, type: STT.SECTION, section: '.text' },
      { name: 'scratch', binding: STB.LOCAL, type: STT.OBJECT, section: '.bss', size: 64n },
      { name: 'new_do', type: STT.FUNC, section: '.text', size: 6n, visibility: 2 },
      { name: 'xen_do' },
      { name: 'weak_one', binding: STB.WEAK },
      { name: 'far', section: 0xfff1, value: 0xffff82d0_40234b21n, size: 0xffff_ffff_ffff_fff1n },
    ],
    relocations: [
      { section: '.livepatch.funcs', offset: 0n, type: 1, symbol: 'far', addend: -1n },
      { section: '.livepatch.funcs', offset: 8n, type: 1, symbol: 'new_do' },
      { section: '.text', offset: 1n, type: 2, symbol: 'xen_do', addend: -4n },
      { section: '.text', offset: 1n, type: 4, symbol: 0, addend: 0x7fff_ffff_ffff_fff0n },
    ],
  });
}

/** Demo payloads and images that are in the repository. Empty until they are built. */
export function committedFixtures(): readonly Fixture[] {
  const folder = path.join(repositoryRoot(), 'payloads');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({ name: path.relative(folder, file), bytes: readFileSync(file) }))
    .filter(({ bytes }) => looksLikeElf(bytes));
}

/** An object file out of this machine's gcc, or the reason why there is none. */
export function gccFixture(options: readonly string[]): Fixture | string {
  const folder = mkdtempSync(path.join(tmpdir(), 'xsplice-test-'));
  try {
    const source = path.join(folder, 'object.c');
    const object = path.join(folder, 'object.o');
    writeFileSync(
      source,
      `extern int imported(int); static int counter; __thread int own; const char *text = "text";
       __attribute__((weak)) int weak(void) { return own; }
       int exported(int x) { return imported(x) + counter++ + text[0]; }
       static int (*table[])(int) = { exported, imported }; int use(int i) { return table[i](i); }`,
    );
    const result = spawnSync('gcc', [...options, '-c', source, '-o', object]);
    if (result.error !== undefined) return 'gcc is not installed: no object of its making to read';
    if (result.status !== 0) return `gcc ${options.join(' ')} does not work here`;
    return { name: `gcc ${options.join(' ')}`, bytes: readFileSync(object) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
