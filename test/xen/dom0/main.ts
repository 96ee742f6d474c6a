import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { XenHandle } from '../../../core/hypervisor/xen/handle.js';
import { openXen } from '../../../core/hypervisor/xen/index.js';
import { openXenCall } from '../../../core/hypervisor/xen/library.js';
import { RIG_RELEASES } from '../releases.js';
import { REPORT_MARK, type Report } from '../report.js';
import { scenariosOf } from '../scenarios/index.js';
import { Dom0, Family, type Scenario } from '../scenarios/scenario.js';

/**
 * A scenario that takes longer hangs. It would go on behind the next one: the run ends with it, and the
 * rig boots anew for the rest.
 */
const SCENARIO_LIMIT_MS = 300_000;

function report(message: Report): void {
  writeSync(1, `${REPORT_MARK}${JSON.stringify(message)}\n`);
}

async function runScenario(scenario: Scenario, dom0: Dom0): Promise<Report> {
  const { name } = scenario;
  const skipped = scenario.notFor?.(dom0.release, dom0.family) ?? null;
  if (skipped !== null) return { kind: 'finished', name, ms: 0, skipped, notes: [] };
  dom0.notes.length = 0;
  const started = performance.now();
  const ended = (): { kind: 'finished'; name: string; ms: number; notes: string[] } => ({
    kind: 'finished',
    name,
    ms: Math.round(performance.now() - started),
    notes: [...dom0.notes],
  });
  const watchdog = setTimeout(() => {
    writeSync(1, `${name}: not done after ${SCENARIO_LIMIT_MS} ms\n`);
    process.exit(1);
  }, SCENARIO_LIMIT_MS);
  try {
    await dom0.clear();
    await scenario.run(dom0);
    return ended();
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { ...ended(), error: text };
  } finally {
    clearTimeout(watchdog);
  }
}

/** Runs scenarios in dom0 and reports each on standard output, which is the result port. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      release: { type: 'string' },
      family: { type: 'string' },
      only: { type: 'string', default: '' },
      after: { type: 'string' },
    },
  });
  const release = RIG_RELEASES.find((candidate) => candidate.xen === values.release);
  if (release === undefined || values.family === undefined) throw new Error('wrong usage');
  const wanted = scenariosOf(values.only);
  const first =
    values.after === undefined ? 0 : wanted.findIndex((s) => s.name === values.after) + 1;
  report({ kind: 'planned', names: wanted.map(({ name }) => name) });
  const port = await openXen();
  const watch = new XenHandle(openXenCall());
  const dom0 = new Dom0(port, watch, release, new Family(values.family));
  for (const scenario of wanted.slice(first)) {
    report({ kind: 'started', name: scenario.name });
    report(await runScenario(scenario, dom0));
  }
  watch.close();
  await port.close();
}

await main();
