/** Runs in dom0: the apply of ten by hypercalls of its own. `node local-bench.js FAMILY` prints milliseconds. */
import { openHost } from '../../core/host/index.js';
import { Family } from '../scenarios/scenario.js';
import { applyTen } from './apply-ten.js';

const host = await openHost({ kind: 'xen' });
process.stdout.write(`${await applyTen(host, new Family(process.argv[2] ?? ''))}\n`);
await host.port.close();
