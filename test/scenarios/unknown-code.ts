import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildIdNote } from '../support/elf-builder.js';
import { buildPayload, idBytes } from '../support/payload-builder.js';
import { imageOf } from './old-code.js';
import { listedStack, PATIENT, runTo } from './program.js';
import { type Dom0, needs, type Scenario } from './scenario.js';

/** A function that runs only on debug key h, which is not pressed here. */
const SHOW_HANDLERS = 'common/keyhandler.c#show_handlers';

/** A payload that replaces a function of which it gives the address and no name. */
async function unnamed(dom0: Dom0): Promise<string> {
  const hypervisor = buildIdNote(Buffer.from(dom0.family.manifest.hypervisor.buildId, 'hex'));
  const oldAddress = await dom0.addressOf(SHOW_HANDLERS);
  const file = join(mkdtempSync('/tmp/unnamed-'), 'unnamed.livepatch');
  writeFileSync(
    file,
    buildPayload({
      buildId: buildIdNote(idBytes(0x77)),
      depends: hypervisor,
      xenDepends: hypervisor,
      functions: [{ name: null, oldAddress, newAddress: 'replacement' }],
    }),
  );
  return file;
}

/** What is not known of a host: said in a line, and in the way only where it kills. */
export const UNKNOWN_CODE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'unknown code: NOPs over it are refused until the image is given (defect 6)',
    notFor: needs('nop'),
    run: async (dom0) => {
      const nop = dom0.family.path('nop');
      const refused = JSON.parse((await runTo(1, 'apply', nop, '--json', ...PATIENT)).stdout);
      assert.match(JSON.stringify(refused), /nop-over-unknown-code/);
      assert.deepEqual((await dom0.port.observe()).payloads, []);
      await runTo(0, 'apply', nop, '--image', imageOf(dom0), ...PATIENT);
      assert.deepEqual(await dom0.stack(), ['nop']);
    },
  },
  {
    name: 'unknown code: a payload of livepatch-build-tools needs no image beside payloads of others',
    notFor: needs('build-tools-shape', 'independent-a'),
    run: async (dom0) => {
      await dom0.load('hello');
      dom0.expect(await dom0.act('hello', 'REVERT'), [0, 0]);
      const end = await runTo(0, 'apply', dom0.family.path('build-tools-shape'), ...PATIENT);
      assert.doesNotMatch(end.stderr, /error/);
      assert.deepEqual(await dom0.stack(), ['build-tools-shape']);
    },
  },
  {
    name: 'unknown code: which says of none that it runs where a payload without a file replaced it (defect 7)',
    notFor: needs('hello'),
    run: async (dom0) => {
      const image = ['--host', 'xen', '--image', imageOf(dom0)];
      const which = ['which', 'xen_extra_version', ...image];
      assert.match((await runTo(0, ...which)).stdout, /runs/);
      await dom0.load('hello');
      const { stdout } = await runTo(0, ...which);
      assert.match(stdout, /replaced by hello, whose code is not known/);
      assert.doesNotMatch(stdout, /runs/);
    },
  },
  {
    name: 'unknown code: a function without a name is applied, listed and reverted',
    run: async (dom0) => {
      const file = await unnamed(dom0);
      await runTo(0, 'apply', file, '--image', imageOf(dom0), ...PATIENT);
      const [listed] = await listedStack();
      assert.deepEqual([listed?.name, listed?.buildId], ['unnamed', '77'.repeat(20)]);
      await runTo(0, 'list', '--verbose');
      await runTo(0, 'revert', '--to', 'base', ...PATIENT);
      assert.deepEqual(await dom0.stack(), []);
    },
  },
];
