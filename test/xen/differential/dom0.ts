/**
 * Runs in dom0 under the rig: uploads variants to the real Xen and says what came of each. Takes
 * lines on the second serial port, `variants SEED INDEX…`, and ends each answer with the ready mark.
 */
import { createReadStream, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { OperationResult } from '../../../core/hypervisor/port.js';
import { openXen } from '../../../core/hypervisor/xen/index.js';
import { type Base, baseOf, variantOf } from '../../differential/variants.js';
import { READY } from '../ready.js';

const [folder = '/rig/bases', port = '/dev/ttyS1'] = process.argv.slice(2);
const OPTIONS = { timeoutNs: 1_000_000_000, nodeps: false };

function say(text: string): void {
  const bytes = Buffer.from(`${text}\n`, 'latin1');
  for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done);
}

const [first, ...rest] = readdirSync(folder)
  .sort()
  .map((file): Base => baseOf(file.replace(/\.livepatch$/, ''), readFileSync(join(folder, file))));
if (!first) throw new Error(`no payloads in ${folder}`);
const bases: readonly [Base, ...Base[]] = [first, ...rest];
const xen = await openXen();

/** What the differential test compares, in short: rc of upload, and the error lines. */
function record(index: number, { hypercallRc, log }: OperationResult): string {
  return JSON.stringify({ i: index, rc: hypercallRc, log });
}

async function runVariant(seed: number, index: number): Promise<void> {
  const variant = variantOf(bases, seed, index);
  const base = bases.find(({ name }) => name === variant.base) ?? first;
  if (variant.onTopOfBase && base) await xen.upload('base', base.bytes);
  const result = await xen.upload('variant', variant.bytes);
  say(record(index, result));
  if (result.hypercallRc === 0) await xen.act('variant', 'UNLOAD', OPTIONS);
  if (variant.onTopOfBase) await xen.act('base', 'UNLOAD', OPTIONS);
}

say(READY);
for await (const line of createInterface({ input: createReadStream(port) })) {
  const [verb, seed, ...indices] = line.trim().split(/\s+/);
  if (verb === 'variants') {
    for (const index of indices) await runVariant(Number(seed), Number(index));
  }
  say(READY);
}
