import { parseArgs } from 'node:util';
import { fuzzReaders } from './readers.js';

/** `node dist/test/fuzz/main.js --runs 100000 --seed 7`: exit code 1 on a crash or a slow input. */
const MAX_MS = 1000;

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
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
