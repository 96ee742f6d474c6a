import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { SHF, SHT } from '../../core/elf/constants.js';
import { buildIdNote, hexBytes } from '../support/elf-builder.js';
import { buildPayload, idBytes, type PayloadSpec } from '../support/payload-builder.js';
import { withSection } from '../support/tiny-model.js';
import type { Dom0, Scenario } from './scenario.js';

const CODE = SHF.ALLOC | SHF.EXECINSTR;
const TEXT = '-passed-over';
/** lea TEXT(%rip), %rax; ret. And mov $-EINVAL, %eax; ret. */
const SHOWS = hexBytes('488d05 00000000 c3');
const SAYS_NO = hexBytes('b8eaffffff c3');

/** A payload whose new code returns TEXT in place of the extra version, by a relocation of that code. */
function payload({ family }: Dom0, oldAddress: bigint, spec: PayloadSpec = {}): Uint8Array {
  const hypervisor = buildIdNote(Buffer.from(family.manifest.hypervisor.buildId, 'hex'));
  const { extraSections = [], extraSymbols = [], extraRelocations = [] } = spec;
  const func = { name: 'xen_extra_version', newAddress: 'passed_over_code', oldAddress };
  return buildPayload({
    ...{ buildId: buildIdNote(idBytes(0x61)), depends: hypervisor, xenDepends: hypervisor },
    functions: [{ ...func, newSize: SHOWS.length, oldSize: 12 }],
    stringsSymbol: 'passed_over_names',
    extraSections: [
      { name: '.text.shows', flags: CODE, data: SHOWS, align: 16 },
      { name: '.rodata.shown', flags: SHF.ALLOC, data: Buffer.from(`${TEXT}\0`) },
      ...extraSections,
    ],
    extraSymbols: [
      { name: 'passed_over_code', section: '.text.shows', type: 2, binding: 0 },
      { name: 'passed_over_text', section: '.rodata.shown', type: 1, binding: 0 },
      ...extraSymbols,
    ],
    extraRelocations: [
      { section: '.text.shows', offset: 3n, type: 2, symbol: 'passed_over_text', addend: -4n },
      ...extraRelocations,
    ],
  });
}

/** With a hook that says no, in a section of this name. */
function withVeto(dom0: Dom0, section: string): Uint8Array {
  return payload(dom0, 0n, {
    extraSections: [
      { name: '.text.veto', flags: CODE, data: SAYS_NO, align: 16 },
      { name: section, flags: SHF.ALLOC, data: new Uint8Array(8), align: 8 },
    ],
    extraSymbols: [{ name: 'passed_over_veto', section: '.text.veto', type: 2, binding: 0 }],
    extraRelocations: [{ section, offset: 0n, type: 1, symbol: 'passed_over_veto' }],
  });
}

async function uploadAndApply(dom0: Dom0, bytes: Uint8Array): Promise<readonly unknown[]> {
  const { hypercallRc } = await dom0.port.upload('case', bytes);
  assert.equal(hypercallRc, 0);
  const applied = await dom0.act('case', 'APPLY');
  return [applied.hypercallRc, applied.payloadRc];
}

/** What Xen passes over, or believes, and `check` is an error or a warning for: that it is so. */
export const PASSED_OVER_SCENARIOS: readonly Scenario[] = [
  {
    name: 'passed over: compact relocations of code are not performed, and Xen says nothing',
    run: async (dom0) => {
      const whole = payload(dom0, 0n);
      assert.deepEqual(await uploadAndApply(dom0, whole), [0, 0]);
      assert.equal(await dom0.extraVersion(), TEXT);
      dom0.expect(await dom0.act('case', 'REVERT'), [0, 0]);
      await dom0.act('case', 'UNLOAD');
      const compact = withSection(whole, '.rela.text.shows', { type: BigInt(SHT.CREL) });
      assert.deepEqual(await uploadAndApply(dom0, compact), [0, 0]);
      assert.notEqual(await dom0.extraVersion(), TEXT);
    },
  },
  {
    name: 'passed over: a hook whose name is misspelt never says no',
    run: async (dom0) => {
      const right = await uploadAndApply(dom0, withVeto(dom0, '.livepatch.hooks.preapply'));
      assert.deepEqual(right, [-22, -22]);
      await dom0.act('case', 'UNLOAD');
      const misspelt = await uploadAndApply(dom0, withVeto(dom0, '.livepatch.hooks.pre_apply'));
      assert.deepEqual(misspelt, [0, 0]);
      assert.equal(await dom0.extraVersion(), TEXT);
    },
  },
  {
    name: 'passed over: old_addr is believed, whatever function the name says',
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      const bytes = payload(dom0, await dom0.addressOf('xen_changeset'));
      assert.deepEqual(await uploadAndApply(dom0, bytes), [0, 0]);
      assert.equal(await dom0.extraVersion(), original);
      const changeset = readFileSync('/sys/hypervisor/properties/changeset', 'latin1').trim();
      assert.equal(changeset, TEXT);
    },
  },
];
