import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { xenLines } from '../../core/abi/console.js';
import { encodeDebugKeys } from '../../core/abi/sysctl.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { XenHandle } from '../../core/hypervisor/xen/handle/handle.js';
import { openXenCall } from '../../core/hypervisor/xen/handle/library.js';
import { localHypercalls } from '../../core/hypervisor/xen/handle/local.js';
import { ConsoleRing } from '../../core/hypervisor/xen/ring.js';
import { type HypervisorImage, readImage } from '../../core/image/index.js';
import { type CodeContext, codeContext, recordPayload } from '../../core/oldcode/index.js';
import { readPayload } from '../../core/payload/index.js';
import { apply, upload } from '../../core/verify/index.js';
import { buildIdNote } from '../support/elf-builder.js';
import { buildPayload, idBytes } from '../support/payload-builder.js';
import { PATIENT, runTo } from './program.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

/** The image that was booted, beside the family in dom0. */
export const imageOf = (dom0: Dom0): string => join(dom0.family.folder, '..', 'xen.gz');

/** What a run that plans and executes says with --json, as far as it is looked at here. */
interface Ran {
  readonly plan: {
    readonly steps: readonly {
      readonly action: string;
      readonly name: string;
      readonly nodeps?: boolean;
      readonly guard?: string;
    }[];
  };
  readonly execution: { readonly after: readonly { readonly name: string }[] };
}

/** The steps of a plan that was carried out, and the names of what is applied since, base first. */
async function carryOut(...args: readonly string[]) {
  const { stdout } = await runTo(0, ...args, '--json');
  const { plan, execution }: Ran = JSON.parse(stdout);
  return {
    steps: plan.steps.map(({ action, name, nodeps, guard }) => [action, name, nodeps, guard]),
    after: execution.after.map(({ name }) => name),
  };
}

/** What records are made against: the image that was booted, without payloads. Read once. */
async function settingOf(dom0: Dom0): Promise<CodeContext> {
  const file = imageOf(dom0);
  known ??= { file, image: readImage(readFileSync(file), file) };
  const { model } = modelFromImage(known.image, null);
  return codeContext(known.image, model);
}

let known: { readonly file: string; readonly image: HypervisorImage } | undefined;

/** A payload with a record in it, and how much of each function Xen will compare itself. */
function recorded(setting: CodeContext, name: string, bytes: Uint8Array, expect: boolean) {
  const result = recordPayload(setting, readPayload(bytes, name), { expect });
  return { bytes: result.bytes, lengths: result.expectationLengths ?? [] };
}

/** The same as a file of its name. */
function recordedFile(setting: CodeContext, dom0: Dom0, name: string): string {
  const file = join(mkdtempSync('/tmp/recorded-'), `${name}.livepatch`);
  writeFileSync(file, recorded(setting, name, dom0.family.bytes(name), false).bytes);
  return file;
}

/** Where a function of a loaded payload lies, in Xen's own words. */
interface PrintedFunction {
  readonly name: string;
  readonly oldAddress: bigint;
  readonly newAddress: bigint;
  readonly newSize: number;
}

/** Xen prints in a tasklet of its own: so often, a pause apart, its console is looked at. */
const MOST_LOOKS = 100;
const PAUSE_MS = 10;

/**
 * What Xen prints of this many functions of loaded payloads (livepatch_printall, debug key x), in the order
 * in which they were uploaded.
 */
async function printedFunctions(dom0: Dom0, count: number): Promise<readonly PrintedFunction[]> {
  const version = dom0.port.interfaceVersion;
  const handle = await XenHandle.open(localHypercalls(openXenCall()));
  try {
    const ring = new ConsoleRing({ handle, version });
    await ring.readNew();
    const { rc } = await handle.sysctl({
      request: encodeDebugKeys(version, handle.argument(1)),
      argument: Buffer.from('x'),
    });
    assert.equal(rc, 0);
    let text = '';
    for (let look = 0; look < MOST_LOOKS; look++) {
      text += (await ring.readNew()).text;
      const printed = printedIn(text);
      if (printed.length === count) return printed;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    assert.fail(`Xen printed ${printedIn(text).length} of ${count} functions:\n${text}`);
  } finally {
    await handle.close();
  }
}

function printedIn(text: string): readonly PrintedFunction[] {
  return xenLines(text).flatMap((line) => {
    const [, name, old, fresh, size] =
      /^ {4}(.+) patch ([0-9a-f]{16})\(\d+\) with ([0-9a-f]{16}) ?\((\d+)\)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const [oldAddress, newAddress] = [BigInt(`0x${old}`), BigInt(`0x${fresh}`)];
    return [{ name, oldAddress, newAddress, newSize: Number(size) }];
  });
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

/** An ENDBR64, behind which Xen puts its jump since 4.17. */
const LONGEST_BEFORE_JUMP = 4;

const ORDERS = [
  ['independent-a', 'independent-b', 'build-id'],
  ['independent-b', 'independent-a', 'both'],
] as const;

const independent = ORDERS.map(
  ([first, second, chainGuard]): Scenario => ({
    name: `old code: ${first}, then ${second}, which --check ${chainGuard} refuses`,
    notFor: needs(first, second),
    run: async (dom0) => {
      const { family } = dom0;
      const [one, two] = [family.path(first), family.path(second)];
      const image = ['--image', imageOf(dom0)];
      const oldCode = ['--check', 'old-code', ...image, ...PATIENT];
      await dom0.load(first);
      const chain = ['--check', chainGuard, ...image, ...PATIENT];
      const { stderr } = await runTo(1, 'apply', two, ...chain);
      assert.match(stderr, /builds on/);
      dom0.expect(await dom0.upload(second), [0, 0]);
      const byId = await dom0.act(second, 'APPLY');
      dom0.expect(byId, [-22, 0]);
      dom0.expectLog(byId, /build-id failed/);
      dom0.expect(await dom0.act(second, 'UNLOAD'), [0, null]);
      assert.deepEqual(await carryOut('apply', one, two, ...oldCode), {
        steps: [
          ['none', first, undefined, undefined],
          ['upload', second, undefined, undefined],
          ['apply', second, true, 'old-code'],
        ],
        after: [first, second],
      });
      assert.equal(await dom0.appliedCount(), 2);
      if (chainGuard === 'both') return;
      const { steps, after } = await carryOut('revert', first, one, two, ...oldCode);
      assert.deepEqual(
        steps.map(([action, name]) => [action, name]),
        [
          ['revert', second],
          ['revert', first],
          ['apply', second],
        ],
      );
      assert.deepEqual(after, [second]);
    },
  }),
);

/** Independent payloads on a real Xen, and records in payloads that it loads. */
export const OLD_CODE_SCENARIOS: readonly Scenario[] = [
  ...independent,
  {
    name: 'old code: --check both, and which says of a function and of an address whose code runs',
    run: async (dom0) => {
      const { family } = dom0;
      const hello = recordedFile(await settingOf(dom0), dom0, 'hello');
      const bye = family.path('bye');
      const image = ['--image', imageOf(dom0)];
      const done = await carryOut('apply', bye, hello, '--check', 'both', ...image, ...PATIENT);
      assert.deepEqual(done, {
        steps: [
          ['upload', 'hello', undefined, undefined],
          ['upload', 'bye', undefined, undefined],
          ['apply', 'hello', false, 'both'],
          ['apply', 'bye', false, 'both'],
        ],
        after: ['hello', 'bye'],
      });
      assert.equal(await dom0.extraVersion(), '-bye');

      const [below, top] = await printedFunctions(dom0, 2);
      assert.ok(below !== undefined && top !== undefined);
      assert.equal(top.oldAddress, below.oldAddress, 'both replace the same function');
      const text = (address: bigint): string => `0x${address.toString(16)}`;
      const files = ['--on', hello, '--on', bye];
      const words = [below.name, text(below.newAddress + 1n), text(top.newAddress + 1n)];
      const asked = ['which', ...words, '--host', 'xen', ...image, ...files, '--json'];
      const answers: readonly Record<string, unknown>[] = JSON.parse(
        (await runTo(0, ...asked)).stdout,
      ).answers;
      assert.deepEqual(
        answers.map(({ symbol, offset, owner, isRunning }) => [symbol, offset, owner, isRunning]),
        [
          ['xen_extra_version', '0x0', null, false],
          ['xen_extra_version', '0x1', 'hello', false],
          ['xen_extra_version', '0x1', 'bye', true],
        ],
      );
      const replacement = ({ newAddress, newSize }: PrintedFunction, owner: string) => [
        owner,
        text(newAddress),
        newSize,
      ];
      for (const { history } of answers) {
        assert.ok(Array.isArray(history));
        const [original, ...later] = history;
        assert.deepEqual([original.owner, original.address], [null, text(top.oldAddress)]);
        assert.deepEqual(
          later.map(({ owner, address, sizeBytes }) => [owner, address, sizeBytes]),
          [replacement(below, 'hello'), replacement(top, 'bye')],
        );
      }
    },
  },
  {
    name: 'old code: replace compares with the bare hypervisor, whatever is applied',
    notFor: needs('replace'),
    run: async (dom0) => {
      const bare = await settingOf(dom0);
      await dom0.load('hello');
      const uploaded = upload(bare.model, 'hello', dom0.family.bytes('hello')).model;
      const model = apply(uploaded, 'hello', { nodeps: false }).model;
      const onHello = recordedFile({ ...bare, model }, dom0, 'replace');
      const onNothing = recordedFile(bare, dom0, 'replace');
      const oldCode = ['--check', 'old-code', '--image', imageOf(dom0), ...PATIENT];
      const { stderr } = await runTo(1, 'replace', onHello, ...oldCode);
      assert.match(stderr, /xen_extra_version differs: expected digest [0-9a-f]{32}/);
      assert.deepEqual(await dom0.stack(), ['hello']);
      const { steps, after } = await carryOut('replace', onNothing, ...oldCode);
      assert.deepEqual(steps.at(-1), ['replace', 'replace', undefined, 'old-code']);
      assert.deepEqual(after, ['replace']);
      assert.equal(await dom0.extraVersion(), '-replace');
    },
  },
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
      assert.equal(await dom0.extraVersion(), '-hello');
      await takeOut(dom0, 'hello');
      await dom0.load('replace');
      const refused = await load(dom0, bytes, 'hello', true);
      dom0.expect(refused, [-22, 0]);
      dom0.expectLog(refused, /expectations of .* failed/);
    },
  },
  {
    name: 'old code: --expect leaves out what Xen patched at boot, and sees all else',
    run: async (dom0) => {
      const setting = await settingOf(dom0);
      const { extents, sites } = setting.base;
      // Printing functions: nobody calls them while they are replaced.
      const patched = extents
        .filter(
          ({ name, sizeBytes }) => sizeBytes >= 64 && /(?:^|#)(?:dump|show|print)_\w+$/.test(name),
        )
        .flatMap(({ name, address }) => {
          const plain = name.split('#').at(-1) ?? name;
          const site = sites.find((s) => s.address > address && s.address < address + 31n);
          return site === undefined ? [] : [{ plain, address, site }];
        });
      dom0.notes.push(`${patched.length} of ${extents.length} functions to choose from`);
      assert.ok(patched.length > 0, 'there is a function to try it with');
      const hypervisor = Buffer.from(dom0.family.manifest.hypervisor.buildId, 'hex');
      for (const [index, { plain, address, site }] of patched.slice(0, 3).entries()) {
        const wanted = Number(site.address - address);
        const expecting = (name: string, id: number) => {
          const payload = buildPayload({
            buildId: buildIdNote(idBytes(id + index)),
            depends: buildIdNote(hypervisor),
            xenDepends: buildIdNote(hypervisor),
            functions: [{ name, oldAddress: address, oldSize: 64 }],
            stringsSymbol: `strings_${id + index}`,
          });
          const { bytes, lengths } = recorded(setting, name, payload, true);
          assert.deepEqual(lengths, [wanted], plain);
          return bytes;
        };
        const [one, other] = [`one-${plain}`, `other-${plain}`];
        dom0.expect(await load(dom0, expecting(one, 0x40), one), [0, 0]);
        // The first one's jump is now in the bytes that the second one expects.
        assert.ok(wanted > LONGEST_BEFORE_JUMP, `${wanted} bytes of ${plain}`);
        const refused = await load(dom0, expecting(other, 0x60), other, true);
        dom0.expect(refused, [-22, 0]);
        dom0.expectLog(refused, /expectations of .* failed/);
        dom0.notes.push(`${plain}: ${wanted} of 31 bytes, then ${site.kind}`);
        await takeOut(dom0, one);
        dom0.expect(await dom0.act(other, 'UNLOAD'), [0, null]);
      }
    },
  },
];
