import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../remote/main.js', import.meta.url));
/** What `npm run bench:remote` says, in milliseconds: in dom0 itself, over ssh, and from farther away. */
const SAID = /apply of ten: local (\d+) ms, ssh (\d+) ms [^,]*, ssh with (\d+) ms (\d+) ms/;

/** The rows of a table, one below the other; null where this is not what was said. */
export function farRows(said: string): readonly string[] | null {
  const [, local, near, added, far] = (SAID.exec(said) ?? []).map(Number);
  if (local === undefined || near === undefined || far === undefined) return null;
  const row = (where: string, ms: number, limit: string) =>
    `| ${where} | ${(ms / 1000).toFixed(2)} s | ${(ms / local).toFixed(2)}× | ${limit} |`;
  const limit = `${((2 * local + 1000) / 1000).toFixed(2)} s: twice local and a second`;
  return [
    '| `apply` of ten, Xen 4.17 under QEMU | Took | To local | Limit |',
    '|---|---|---|---|',
    row('by its dom0', local, ''),
    row('over ssh', near, ''),
    row(`over ssh, ${added} ms farther there and back`, far, limit),
  ];
}

/** Boots a real Xen and prints these rows; ssh's own start is not in them. */
export function printFar(): void {
  const { stdout, stderr } = spawnSync(process.execPath, [PROGRAM, '--bench'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const rows = farRows(stdout);
  if (rows !== null) console.log(`\n${rows.join('\n')}`);
  else
    console.log('\nNo real Xen was booted, or it failed: npm run bench:remote says why.', stderr);
}
