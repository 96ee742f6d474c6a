/**
 * Runs in dom0 under the rig: uploads variants to the real Xen and says what came of each. Takes the lines
 * `variants SEED INDEX…`, `tables SEED INDEX…` and `sequences SEED INDEX…`.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Action, OperationResult } from '../../../core/hypervisor/port.js';
import { openXen } from '../../../core/hypervisor/xen/index.js';
import { say, serve } from '../../../rig/agent.js';
import { type Operation, sequenceOf } from '../sequences.js';
import { tableVariantOf } from '../table-variants.js';
import { type Base, baseOf, type Variant, variantOf } from '../variants.js';

const [folder = '/rig/bases', tables = '/rig/tables', family = '/rig/family'] =
  process.argv.slice(2);
const OPTIONS = { timeoutNs: 1_000_000_000, nodeps: false };
/** CPUs of an emulated machine may not meet in time: that says nothing about the rules. */
const MOST_TIMEOUTS = 10;

const bases = basesIn(folder);
const tableBases = basesIn(tables);
const [name, ...names] = readdirSync(family)
  .filter((file) => file.endsWith('.livepatch'))
  .map((file) => file.replace(/\.livepatch$/, ''))
  .sort();
if (name === undefined) throw new Error(`no payloads in ${family}`);
const payloadNames: readonly [string, ...string[]] = [name, ...names];
const xen = await openXen();

/** What the differential test compares, in short: rc of upload, and the error lines. */
function record(index: number, { hypercallRc, log }: OperationResult): string {
  return JSON.stringify({ i: index, rc: hypercallRc, log });
}

function basesIn(from: string): readonly [Base, ...Base[]] {
  const [first, ...rest] = readdirSync(from)
    .sort()
    .map((file): Base => baseOf(file.replace(/\.livepatch$/, ''), readFileSync(join(from, file))));
  if (!first) throw new Error(`no payloads in ${from}`);
  return [first, ...rest];
}

async function runVariant(variant: Variant): Promise<void> {
  const { index } = variant;
  const base = bases.find(({ name }) => name === variant.base);
  if (variant.onTopOfBase && base) await xen.upload('base', base.bytes);
  const result = await xen.upload('variant', variant.bytes);
  say(record(index, result));
  if (result.hypercallRc === 0) await xen.act('variant', 'UNLOAD', OPTIONS);
  if (variant.onTopOfBase) await xen.act('base', 'UNLOAD', OPTIONS);
}

async function act(name: string, action: Action, nodeps = false): Promise<OperationResult> {
  for (let attempt = 1; ; attempt++) {
    const result = await xen.act(name, action, { ...OPTIONS, nodeps });
    const timedOut = result.log.some((line) => line.includes('Timed out on semaphore'));
    if (!timedOut || attempt === MOST_TIMEOUTS) return result;
  }
}

function operate(operation: Operation): Promise<OperationResult> {
  switch (operation.verb) {
    case 'upload':
      return xen.upload(
        operation.name,
        readFileSync(join(family, `${operation.payload}.livepatch`)),
      );
    case 'apply':
      return act(operation.name, 'APPLY', operation.nodeps);
    case 'revert':
      return act(operation.name, 'REVERT');
    case 'replace':
      return act(operation.name, 'REPLACE');
    case 'unload':
      return act(operation.name, 'UNLOAD');
  }
}

/** Every answer of a sequence and what is loaded at its end; afterwards nothing is. */
async function runSequence(seed: number, index: number): Promise<void> {
  const answers = [];
  for (const operation of sequenceOf(payloadNames, seed, index)) {
    const { hypercallRc, payloadRc, log } = await operate(operation);
    answers.push([hypercallRc, operation.verb === 'upload' ? null : payloadRc, log]);
  }
  const loaded = await xen.observe();
  const end = loaded.payloads.map(({ name, state, rc, buildId }) => [name, state, rc, buildId]);
  say(JSON.stringify({ i: index, answers, end }));
  // Only the top can be reverted, and which one that is Xen does not tell: each round takes one off.
  for (let left = loaded.payloads.length; left > 0; left--) {
    for (const { name } of loaded.payloads) await act(name, 'REVERT');
  }
  for (const { name } of loaded.payloads) await act(name, 'UNLOAD');
}

await serve(async (line) => {
  const [verb, seed, ...indices] = line.split(/\s+/);
  for (const index of indices) {
    if (verb === 'variants') await runVariant(variantOf(bases, Number(seed), Number(index)));
    if (verb === 'tables')
      await runVariant(tableVariantOf(tableBases, Number(seed), Number(index)));
    if (verb === 'sequences') await runSequence(Number(seed), Number(index));
  }
});
