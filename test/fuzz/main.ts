import { parseArgs } from 'node:util';
import { fuzzReaders } from './readers.js';
import { fuzzStructures } from './structures.js';

/**
 * `node dist/test/fuzz/main.js --runs 100000 --seed 7`, and with `--minutes N` as many minutes of processor time
 * on payloads whose fields are changed: exit code 1 on a crash or a slow input.
 */
const MAX_MS = 1000;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string' },
  },
});
if (values.minutes === undefined) readers();
else await structures(Number(values.minutes));

async function structures(minutes: number): Promise<void> {
  const report = await fuzzStructures(Number(values.seed), minutes * 60_000);
  console.log(
    `seed ${values.seed}: ${report.executions} executions in ${(report.cpuMs / 1000).toFixed(0)} s of processor time, ` +
      `${report.crashes.size} different crashes, ${report.raw.size} raw outputs; ` +
      `at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB; slowest ${report.slowest.ms.toFixed(0)} ms (${report.slowest.input})`,
  );
  for (const [error, input] of report.crashes) console.error(`${error} in ${input}`);
  for (const [output, input] of report.raw) console.error(`${output} of ${input}`);
  if (report.crashes.size + report.raw.size > 0 || report.slowest.ms >= MAX_MS)
    process.exitCode = 1;
}

function readers(): void {
  const start = performance.now();
  const report = fuzzReaders({ seed: Number(values.seed), runs: Number(values.runs) });
  console.log(
    `${report.runs} inputs in ${((performance.now() - start) / 1000).toFixed(1)} s: ` +
      `${report.accepted} read, ${report.refused} refused (inputs times readers), ` +
      `${report.crashes.length} crashes; longest ${report.longest.ms.toFixed(0)} ms (${report.longest.input})`,
  );
  for (const crash of report.crashes.slice(0, 10)) console.error(crash);
  if (report.crashes.length > 0 || report.longest.ms >= MAX_MS || report.refused === 0) {
    process.exitCode = 1;
  }
}
