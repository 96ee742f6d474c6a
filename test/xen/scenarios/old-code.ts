import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadDisassembler } from '../../../core/code/index.js';
import { type HypervisorImage, readImage } from '../../../core/image/index.js';
import { type GuardSetting, readBaseCode, recordPayload } from '../../../core/oldcode/index.js';
import { readPayload } from '../../../core/payload/index.js';
import { modelFromImage } from '../../../core/use/index.js';
import { buildIdNote } from '../../support/elf-builder.js';
import { buildPayload, idBytes } from '../../support/payload-builder.js';
import { list, PATIENT, runTo } from './program.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

/** The image that was booted, beside the family in dom0. */
const imageOf = (dom0: Dom0): string => join(dom0.family.folder, '..', 'xen.gz');

const positionsOf = async (): Promise<readonly (readonly [string, number | null])[]> => {
  const { payloads } = await list();
  return payloads
    .filter(({ state }) => state === 'APPLIED')
    .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
    .map(({ name, position }) => [name, position]);
};

/** What records are made against: the image that was booted, without payloads. Read once. */
async function settingOf(dom0: Dom0): Promise<GuardSetting> {
  const file = imageOf(dom0);
  known ??= { file, image: readImage(readFileSync(file), file) };
  const { model } = modelFromImage(known.image, null);
  return { disassembler: await loadDisassembler(), base: readBaseCode(known.image), model };
}

let known: { readonly file: string; readonly image: HypervisorImage } | undefined;

/** A payload with a record in it, and how much of each function Xen will compare itself. */
function recorded(setting: GuardSetting, name: string, bytes: Uint8Array, expect: boolean) {
  const result = recordPayload(setting, readPayload(bytes, name), { expect });
  return { bytes: result.bytes, lengths: result.expectationLengths ?? [] };
}

/** Uploads and applies: nothing but Xen has a say. */
async function load(dom0: Dom0, bytes: Uint8Array, name: string, nodeps = false) {
  dom0.expect(await dom0.port.upload(name, bytes), [0, 0]);
  return dom0.act(name, 'APPLY', { nodeps });
}

async function takeOut(dom0: Dom0, name: string): Promise<void> {
  dom0.expect(await dom0.act(name, 'REVERT'), [0, 0]);
  dom0.expect(await dom0.act(name, 'UNLOAD'), [0, null]);
}

const ORDERS = [
  ['independent-a', 'independent-b'],
  ['independent-b', 'independent-a'],
] as const;

const independent = ORDERS.map(
  ([first, second]): Scenario => ({
    name: `old code: ${first}, then ${second}, which the chain refuses`,
    notFor: needs(first, second),
    run: async (dom0) => {
      const { family } = dom0;
      const [one, two] = [family.path(first), family.path(second)];
      const oldCode = ['--check', 'old-code', '--image', imageOf(dom0), ...PATIENT];
      await runTo(0, 'apply', one, ...oldCode);
      const { stderr } = await runTo(1, 'apply', two, ...PATIENT);
      assert.match(stderr, /builds on/);
      dom0.expect(await dom0.upload(second), [0, 0]);
      const byId = await dom0.act(second, 'APPLY');
      dom0.expect(byId, [-22, 0]);
      dom0.expectLog(byId, /build-id failed/);
      dom0.expect(await dom0.act(second, 'UNLOAD'), [0, null]);
      const applied = await runTo(0, 'apply', one, two, ...oldCode, '--json');
      const steps: readonly Record<string, unknown>[] = JSON.parse(applied.stdout).plan.steps;
      assert.deepEqual(
        steps.map(({ action, name, nodeps }) => [action, name, nodeps]),
        [
          ['none', first, undefined],
          ['upload', second, undefined],
          ['apply', second, true],
        ],
      );
      assert.deepEqual(await positionsOf(), [
        [first, 1],
        [second, 2],
      ]);
      if (first !== 'independent-a') return;
      await runTo(0, 'revert', first, one, two, ...oldCode);
      assert.deepEqual(await positionsOf(), [[second, 1]]);
    },
  }),
);

/** Independent payloads on a real Xen, and records in payloads that it loads. */
export const OLD_CODE_SCENARIOS: readonly Scenario[] = [
  ...independent,
  {
    name: 'old code: recorded payloads are loaded as if there were no record',
    run: async (dom0) => {
      const setting = await settingOf(dom0);
      for (const name of ['hello', 'independent-a', 'data', 'hook-apply', 'metadata']) {
        if (!dom0.family.has(name)) continue;
        const { bytes } = recorded(setting, name, dom0.family.bytes(name), false);
        assert.ok(bytes.length > dom0.family.bytes(name).length);
        dom0.expect(await load(dom0, bytes, name), [0, 0]);
        assert.equal((await dom0.payload(name)).buildId, dom0.family.entry(name).buildId);
        await takeOut(dom0, name);
      }
    },
  },
  {
    name: 'old code: --expect has Xen refuse other code, and take the same',
    notFor: needs('replace'),
    run: async (dom0) => {
      const setting = await settingOf(dom0);
      const { bytes, lengths } = recorded(setting, 'hello', dom0.family.bytes('hello'), true);
      assert.ok(lengths.length > 0 && lengths.every((length) => length > 0));
      dom0.expect(await load(dom0, bytes, 'hello'), [0, 0]);
      assert.equal(dom0.extraVersion(), '-hello');
      await takeOut(dom0, 'hello');
      await dom0.load('replace');
      const refused = await load(dom0, bytes, 'hello', true);
      dom0.expect(refused, [-22, 0]);
      dom0.expectLog(refused, /expectations of .* failed/);
    },
  },
  {
    name: 'old code: --expect leaves out what Xen patched at boot',
    run: async (dom0) => {
      const setting = await settingOf(dom0);
      const { extents, sites } = setting.base;
      // Printing functions: nobody calls them while they are replaced.
      const patched = extents.flatMap(({ name, address, sizeBytes }) => {
        const plain = name.split('#').at(-1) ?? name;
        const site = sites.find((s) => s.address > address && s.address < address + 31n);
        const isQuiet = /^(dump|show|print)_\w+$/.test(plain) && sizeBytes >= 64;
        return isQuiet && site !== undefined ? [{ plain, address, site }] : [];
      });
      dom0.notes.push(`${patched.length} of ${extents.length} functions to choose from`);
      assert.ok(patched.length > 0, 'there is a function to try it with');
      const hypervisor = Buffer.from(dom0.family.manifest.hypervisor.buildId, 'hex');
      for (const [index, { plain, address, site }] of patched.slice(0, 3).entries()) {
        const name = `patched-${index}`;
        const payload = buildPayload({
          buildId: buildIdNote(idBytes(0x40 + index)),
          depends: buildIdNote(hypervisor),
          xenDepends: buildIdNote(hypervisor),
          functions: [{ name: `fix_${plain}`, oldAddress: address, oldSize: 64 }],
        });
        const { bytes, lengths } = recorded(setting, name, payload, true);
        assert.deepEqual(lengths, [Number(site.address - address)], plain);
        dom0.expect(await load(dom0, bytes, name), [0, 0]);
        await takeOut(dom0, name);
        dom0.notes.push(`${plain}: ${lengths.join()} of 31 bytes, then ${site.kind}`);
      }
    },
  },
];
