/**
 * Runs in dom0 under the rig: each line is the name of a scenario, which is run and reported.
 *
 *   node agent.js --release 4.17 --family FOLDER [--all]
 */
import { parseArgs } from 'node:util';
import { XenHandle } from '../../core/hypervisor/xen/handle/handle.js';
import { openXenCall } from '../../core/hypervisor/xen/handle/library.js';
import { localHypercalls } from '../../core/hypervisor/xen/handle/local.js';
import { openXen } from '../../core/hypervisor/xen/index.js';
import { say, serve } from '../../rig/agent.js';
import { RIG_RELEASES } from '../../rig/releases.js';
import { scenariosOf } from './index.js';
import { formatReport, type Report } from './report.js';
import { Dom0, Family, type Scenario } from './scenario.js';

const { values } = parseArgs({
  options: {
    release: { type: 'string' },
    family: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});
const release = RIG_RELEASES.find(({ xen }) => xen === values.release);
if (release === undefined || values.family === undefined) throw new Error('wrong usage');
const dom0 = new Dom0(
  await openXen(),
  await XenHandle.open(localHypercalls(openXenCall())),
  release,
  new Family(values.family),
  values.all ? 'whole' : 'share',
);

async function reportOf(scenario: Scenario): Promise<Report> {
  dom0.notes.length = 0;
  const started = performance.now();
  const ended = () => ({ ms: Math.round(performance.now() - started), notes: [...dom0.notes] });
  try {
    await dom0.clear();
    await scenario.run(dom0);
    return ended();
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...ended(), error: text };
  }
}

await serve(async (name) => {
  const scenario = scenariosOf(name).find((candidate) => candidate.name === name);
  if (scenario !== undefined) say(formatReport(await reportOf(scenario)));
});
