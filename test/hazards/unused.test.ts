import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HOOK_KINDS, hookSection, SECTION } from '../../core/abi/livepatch.js';
import { parseRelease } from '../../core/abi/release.js';
import { SHF, SHT } from '../../core/elf/constants.js';
import { unusedParts } from '../../core/hazards/index.js';
import { readPayload } from '../../core/payload/index.js';
import { KNOWN_MINORS, rulesFor } from '../../core/verify/index.js';
import type { SectionSpec } from '../support/elf-builder.js';
import { committedFixtures } from '../support/fixtures.js';
import type { PayloadSpec } from '../support/payload-builder.js';
import { note, plainFunction, tinyPayload, withSection, XEN_ID } from '../support/tiny-model.js';

const DATA = { flags: SHF.ALLOC | SHF.WRITE, data: new Uint8Array(8).fill(1), align: 8 };

function rules(release: string) {
  const parsed = parseRelease(release);
  assert.ok(parsed);
  return rulesFor(parsed);
}

/** What is passed over, a line each: severity, code, section. */
function unused(bytes: Uint8Array, release = '4.17.7'): readonly string[] {
  return unusedParts(readPayload(bytes, 'a.livepatch'), rules(release)).map(
    ({ severity, code, section }) => `${severity} ${code} ${section}`,
  );
}

const withSections = (...extraSections: SectionSpec[]) => tinyPayload({ extraSections });

/** A pointer of the section leads to new_code, as that of a hook does. */
function withPointer(name: string, spec: PayloadSpec = {}): Uint8Array {
  return tinyPayload({
    ...spec,
    extraSections: [{ name, ...DATA }],
    extraRelocations: [{ section: name, offset: 0n, type: 1, symbol: 'new_code' }],
  });
}

describe('what Xen passes over in a payload', () => {
  const releases = Array.from(
    { length: KNOWN_MINORS.last - KNOWN_MINORS.first + 1 },
    (_, i) => `4.${KNOWN_MINORS.first + i}`,
  );

  it('is nothing in a payload of which all is used, in each release', () => {
    for (const release of releases) {
      const isFirst = Number(release.slice(2)) < 14;
      const bytes = tinyPayload({
        ...(isFirst ? { version: 1, xenDepends: null } : {}),
        hooks: { load: ['on_load'], unload: ['on_unload'] },
        extraSections: [
          ...[0, 1, 2, 3].map((i) => ({ name: `.bug_frames.${i}`, ...DATA })),
          { name: SECTION.altInstructions, ...DATA, data: new Uint8Array(14) },
          { name: SECTION.altReplacement, flags: SHF.ALLOC | SHF.EXECINSTR, data: DATA.data },
          { name: SECTION.exTable, ...DATA },
          { name: '.fixup', flags: SHF.ALLOC | SHF.EXECINSTR, data: DATA.data },
          { name: '.bss', type: SHT.NOBITS, flags: DATA.flags, size: 64n },
          { name: '.comment', data: DATA.data },
          { name: '.debug_info', data: DATA.data },
          { name: '.xsplice.record', data: DATA.data },
        ],
      });
      assert.deepEqual(unused(bytes, release), [], release);
    }
  });

  it('is no error and no warning in any payload of the family', () => {
    const files = committedFixtures().filter(({ name }) => name.endsWith('.livepatch'));
    assert.ok(files.length > 40);
    for (const { name, bytes } of files) {
      const minors = name.includes('arm64') ? [] : [14, 17, 18, 20, 22];
      for (const minor of minors) assert.deepEqual(unused(bytes, `4.${minor}`), [], name);
    }
  });

  it('is nothing in the shape of livepatch-build-tools: names in a section of their own', () => {
    const bytes = tinyPayload({
      extraSections: [{ name: '.livepatch.strings', flags: SHF.ALLOC, data: Buffer.from('fn\0') }],
      extraSymbols: [{ name: 'fn_name', section: '.livepatch.strings', binding: 0 }],
      extraRelocations: [{ section: SECTION.funcs, offset: 0n, type: 1, symbol: 'fn_name' }],
    });
    assert.deepEqual(unused(bytes), []);
  });

  describe('relocations', () => {
    const call = {
      extraRelocations: [{ section: '.text', offset: 4n, type: 2, symbol: 'new_code' }],
    };

    it('of a compact form (case 01: crel, relr) are lost', () => {
      const bytes = tinyPayload(call);
      assert.deepEqual(unused(bytes), []);
      for (const type of [SHT.CREL, SHT.RELR, SHT.PROGBITS, SHT.NULL]) {
        const changed = withSection(bytes, '.rela.text', { type: BigInt(type) });
        assert.deepEqual(unused(changed), ['error relocations-not-performed .rela.text']);
      }
    });

    it('whatever the name of their section says, where their type does', () => {
      const bytes = withSections({
        name: '.packed',
        type: SHT.CREL,
        info: '.text',
        data: DATA.data,
      });
      assert.deepEqual(unused(bytes), ['error relocations-not-performed .packed']);
    });

    it('say for what they are and how to build without', () => {
      const bytes = withSection(tinyPayload(call), '.rela.text', { type: BigInt(SHT.CREL) });
      const [found] = unusedParts(readPayload(bytes, 'a.livepatch'), rules('4.17.7'));
      assert.equal(
        found?.message,
        'a.livepatch: relocations of a kind that Xen does not perform: .rela.text (CREL), for .text',
      );
      assert.match(found?.hint ?? '', /no -Wa,--crel/);
    });

    it('whose sh_info names another section are lost', () => {
      const bytes = withSections({ name: '.comment', data: DATA.data });
      const elf = readPayload(bytes, 'a').elf;
      const comment = elf.sections.find(({ name }) => name === '.comment');
      const changed = withSection(bytes, '.rela.livepatch.funcs', {
        info: BigInt(comment?.index ?? 0),
      });
      assert.deepEqual(unused(changed), ['error relocations-not-performed .rela.livepatch.funcs']);
    });

    it('of debug information are not Xen’s business', () => {
      const bytes = withSections(
        { name: '.debug_info', data: DATA.data },
        {
          name: '.crel.debug_info',
          type: SHT.CREL,
          info: '.debug_info',
          data: DATA.data,
        },
      );
      assert.deepEqual(unused(bytes), []);
    });
  });

  describe('a second section of one name', () => {
    it('loses a part of the fix for what the loader acts on', () => {
      for (const name of [SECTION.funcs, '.bug_frames.1', SECTION.exTable]) {
        const bytes = withSections({ name, ...DATA }, { name, ...DATA, flags: SHF.ALLOC });
        const expected = `error second-section-ignored ${name}`;
        const times = name === SECTION.funcs ? 2 : 1;
        assert.deepEqual(unused(bytes), Array(times).fill(expected), name);
      }
    });

    it('is a warning for texts, nothing where it is empty, and the reader’s to say of ids', () => {
      const name = SECTION.modinfo;
      const texts = { name, flags: SHF.ALLOC, data: Buffer.from('a=b\0') };
      const bytes = withSections(
        ...[texts, texts],
        { name: SECTION.depends, flags: SHF.ALLOC, data: note(XEN_ID) },
        { name: SECTION.funcs, flags: SHF.ALLOC, data: new Uint8Array() },
      );
      assert.deepEqual(unused(bytes), [`warning second-section-ignored ${name}`]);
    });

    it('is judged by what the release looks up: .alt_call_sites since 4.21', () => {
      const name = SECTION.altCallSites;
      const bytes = withSections({ name, ...DATA }, { name, ...DATA });
      assert.deepEqual(unused(bytes, '4.21'), [`error second-section-ignored ${name}`]);
      assert.deepEqual(unused(bytes, '4.20'), Array(2).fill(`warning section-not-used ${name}`));
    });
  });

  describe('a hook', () => {
    it('of a name that Xen does not know (case 03) is lost: a veto never runs', () => {
      for (const name of ['.livepatch.hooks.pre_apply', '.livepatch.hook.load']) {
        assert.deepEqual(unused(withPointer(name)), [`error hook-not-called ${name}`]);
      }
    });

    it('has its right name in the hint', () => {
      const hints = Object.entries({
        '.livepatch.hooks.pre_apply': '.livepatch.hooks.preapply',
        '.livepatch.hook.load': '.livepatch.hooks.load',
        '.livepatch.func': '.livepatch.funcs',
        '.kpatch.callbacks.pre_patch': '.livepatch.hooks.preapply',
        '.kpatch.callbacks.post_unpatch': '.livepatch.hooks.postrevert',
        '.kpatch.funcs': '.livepatch.funcs',
        '.livepatch.xen-depends': '.livepatch.xen_depends',
      });
      for (const [name, meant] of hints) {
        const payload = readPayload(withPointer(name), 'a.livepatch');
        const [found] = unusedParts(payload, rules('4.17.7'));
        assert.equal(found?.hint, `Is ${meant} meant?`, name);
      }
    });

    it('of a kind that came later is lost: all but load and unload before 4.14', () => {
      for (const kind of HOOK_KINDS) {
        const bytes = tinyPayload({ version: 1, xenDepends: null, hooks: { [kind]: ['hook'] } });
        const isKnown = kind === 'load' || kind === 'unload';
        const expected = isKnown ? [] : [`error hook-not-called ${hookSection(kind)}`];
        assert.deepEqual(unused(bytes, '4.13'), expected, kind);
        assert.deepEqual(unused(bytes, '4.14'), [], kind);
      }
    });

    it('whose section is not loaded is lost before 4.20', () => {
      const bytes = tinyPayload({ hooks: { preapply: ['hook'] } });
      const name = hookSection('preapply');
      const changed = withSection(bytes, name, { flags: 0n });
      assert.deepEqual(unused(changed, '4.17.7'), [`error hook-not-called ${name}`]);
    });

    it('whose pointer is NULL is lost', () => {
      const name = hookSection('preapply');
      const bytes = withSections({ name, ...DATA, data: new Uint8Array(8) });
      assert.deepEqual(unused(bytes), [`error hook-not-called ${name}`]);
    });
  });

  it('has constructors and initcalls of the payload', () => {
    const names = ['.init_array', '.ctors', '.initcall1.init', '.initcallpresmp.init'];
    for (const name of names) {
      assert.deepEqual(unused(withPointer(name)), [`error constructors-not-called ${name}`]);
    }
    const byType = withSections({ name: '.start', ...DATA, type: SHT.INIT_ARRAY });
    assert.deepEqual(unused(byType), ['error constructors-not-called .start']);
  });

  it('has other names of live patching, where nothing leads to them', () => {
    for (const name of ['.livepatch.func', '.kpatch.callbacks.pre_patch', '.klp.sym.vmlinux.x']) {
      assert.deepEqual(unused(withPointer(name)), [`warning section-not-used ${name}`]);
    }
  });

  it('has .livepatch.xen_depends before 4.14: a note, since nothing is lost', () => {
    const bytes = tinyPayload({ version: 1, functions: [plainFunction()] });
    assert.deepEqual(unused(bytes, '4.13'), ['note section-not-used .livepatch.xen_depends']);
  });

  it('has variables of each CPU, and bug frames that do not exist', () => {
    const names = ['.bss.percpu', '.data.percpu.read_mostly', '.bug_frames.4', '.ex_table.pre'];
    for (const name of names) {
      assert.deepEqual(unused(withSections({ name, ...DATA })), [
        `warning section-not-used ${name}`,
      ]);
    }
  });

  it('has tables that Xen keeps and that are not loaded', () => {
    const bytes = withSections({ name: '.bug_frames.2', data: DATA.data });
    assert.deepEqual(unused(bytes, '4.17.7'), ['error section-not-used .bug_frames.2']);
    assert.deepEqual(unused(bytes, '4.20.1'), ['error kept-in-freed-memory .bug_frames.2']);
  });

  it('has what compilers leave behind: one note for all of it', () => {
    const bytes = withSections(
      { name: '.eh_frame', flags: SHF.ALLOC, data: DATA.data },
      { name: '.note.gnu.property', type: SHT.NOTE, flags: SHF.ALLOC, data: DATA.data },
    );
    assert.deepEqual(unused(bytes), ['note section-not-used .eh_frame']);
  });

  it('is said of a bounded number of sections, and ends soon', () => {
    const many = Array.from({ length: 900 }, () => ({ name: '.livepatch.hook', ...DATA }));
    assert.equal(unused(withSections(...many)).length, 100);
  });
});
