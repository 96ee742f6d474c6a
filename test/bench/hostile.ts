import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hostilePayloads, hostileSets, unmappedName } from '../support/hostile-payloads.js';
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

const COMMANDS: Readonly<Record<string, (...files: readonly string[]) => readonly string[]>> = {
  inspect: (...files) => ['inspect', ...files],
  'inspect --verbose': (...files) => ['inspect', '--verbose', ...files],
  'inspect --json': (...files) => ['inspect', '--json', ...files],
  check: (...files) => ['check', '--image', image, ...files],
  'check --check both': (...files) => ['check', '--check', 'both', '--image', image, ...files],
  record: (...files) => [
    'record',
    '--image',
    image,
    '--output',
    join(folder, 'out'),
    '--yes',
    ...files,
  ],
  which: (...files) => ['which', 'xen_extra_version', '--image', image, '--on', ...files],
  'upload --dry-run': (...files) => ['upload', '--dry-run', '--host', host, ...files],
  'apply --dry-run': (...files) => ['apply', '--dry-run', '--host', host, ...files],
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
  const { plain: plainBytes, ...payloads } = hostilePayloads();
  const all: Readonly<Record<string, readonly Uint8Array[]>> = {
    ...Object.fromEntries(Object.entries(payloads).map(([name, bytes]) => [name, [bytes]])),
    'name-that-leads-nowhere': [unmappedName()],
    ...hostileSets(),
  };
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
    for (const [name, set] of Object.entries(all)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      const files = set.map((bytes, index) => fileOf(`${name}-${index}`, bytes));
      const { seconds, mib, status, fault } = costOf(argsFor(...files));
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
