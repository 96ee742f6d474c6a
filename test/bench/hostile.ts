import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostilePayloads, unmappedName } from '../support/hostile-payloads.js';
import { repositoryRoot } from '../support/repository.js';

/**
 * Prints what payloads that were made to be slow or large cost the built program, beside what a plain one of
 * the same hypervisor costs the same command:
 *
 *     node dist/test/bench/hostile.js [PAYLOAD..]
 *
 * Exit code 1 where one takes more than the limits below in addition. On a busy machine the processor's time is
 * larger than on an idle one: the plain payload's says by how much.
 */
const MAX_MORE_SECONDS = 1;
const MAX_MORE_MIB = 400;
const TIMEOUT_MS = 60_000;

const image = join(repositoryRoot(), 'payloads', 'demo', 'xen-syms-demo');
const program = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'xsplice-hostile-'));
const host = `embedded:${join(folder, 'host')}`;

const COMMANDS: Readonly<Record<string, (file: string) => readonly string[]>> = {
  inspect: (file) => ['inspect', file],
  'inspect --verbose': (file) => ['inspect', '--verbose', file],
  'inspect --json': (file) => ['inspect', '--json', file],
  check: (file) => ['check', '--image', image, file],
  'check --check both': (file) => ['check', '--check', 'both', '--image', image, file],
  record: (file) => ['record', '--image', image, '--output', join(folder, 'out'), '--yes', file],
  which: (file) => ['which', 'xen_extra_version', '--image', image, '--on', file],
  'upload --dry-run': (file) => ['upload', '--dry-run', '--host', host, file],
  'apply --dry-run': (file) => ['apply', '--dry-run', '--host', host, file],
};

interface Cost {
  readonly seconds: number;
  readonly mib: number;
  readonly status: number | null;
  /** The last line of what it says is wrong, where that is a fault of the program's own. */
  readonly fault: string;
}

/** What a process of its own takes, as the system counts it. */
function costOf(args: readonly string[]): Cost {
  const usage = join(folder, 'usage');
  const report = `import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync(${JSON.stringify(usage)},JSON.stringify(process.resourceUsage())))`;
  writeFileSync(usage, '{}');
  const { status, stderr } = spawnSync(
    process.execPath,
    [`--import=data:text/javascript,${encodeURIComponent(report)}`, program, ...args],
    { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], timeout: TIMEOUT_MS },
  );
  const used = JSON.parse(readFileSync(usage, 'utf8')) as Partial<NodeJS.ResourceUsage>;
  const micros = (used.userCPUTime ?? Number.NaN) + (used.systemCPUTime ?? Number.NaN);
  const fault = /internal error/i.test(stderr) ? (stderr.trim().split('\n')[0] ?? '') : '';
  return { seconds: micros / 1e6, mib: (used.maxRSS ?? Number.NaN) / 1024, status, fault };
}

try {
  const wanted = process.argv.slice(2);
  const payloads = { ...hostilePayloads(), 'name-that-leads-nowhere': unmappedName() };
  const { plain: plainBytes } = payloads;
  const fileOf = (name: string, bytes: Uint8Array) => {
    const file = join(folder, `${name}.livepatch`);
    writeFileSync(file, bytes);
    return file;
  };
  const plain = fileOf('plain', plainBytes);
  costOf(['init', '--image', image, '--host', host, '--yes']);
  let isOver = false;
  for (const [command, argsFor] of Object.entries(COMMANDS)) {
    const base = costOf(argsFor(plain));
    console.log(`${command}: plain ${base.seconds.toFixed(2)} s, ${base.mib.toFixed(0)} MiB`);
    for (const [name, bytes] of Object.entries(payloads)) {
      if (name === 'plain' || (wanted.length > 0 && !wanted.includes(name))) continue;
      const { seconds, mib, status, fault } = costOf(argsFor(fileOf(name, bytes)));
      const fits =
        seconds - base.seconds <= MAX_MORE_SECONDS &&
        mib - base.mib <= MAX_MORE_MIB &&
        fault === '';
      if (!fits) isOver = true;
      const ratios = `${(seconds / base.seconds).toFixed(1)} times the time, ${(mib / base.mib).toFixed(1)} times the memory`;
      console.log(
        `  ${fits ? '    ' : 'OVER'} ${name.padEnd(34)} exit ${status}, ${seconds.toFixed(2)} s, ${mib.toFixed(0)} MiB: ${ratios} ${fault}`,
      );
    }
  }
  process.exitCode = isOver ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
