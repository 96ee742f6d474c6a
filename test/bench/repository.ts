import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Prints how long `check` takes for a repository of three hypervisors with sixty payloads each, on all cores and on
 * one (needs taskset): V8 uses the others for itself. Fewer pairs stand for more than one of them, each with a copy, since an image is read once:
 *
 *     node dist/test/bench/repository.js XEN-SYMS FOLDER [XEN-SYMS FOLDER]...
 */
const ROUNDS = 5;
const TARGETS = 3;
const PAYLOADS = 60;
/** Milliseconds of wall time. */
const GOAL = 2500;

const program = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));
const words = process.argv.slice(2);
const pairs = Array.from({ length: words.length / 2 }, (_, index) => ({
  image: words[2 * index] ?? '',
  folder: words[2 * index + 1] ?? '',
}));
const root = mkdtempSync(join(tmpdir(), 'xsplice-bench-'));
try {
  let verdicts = 0;
  const targets = Array.from({ length: TARGETS }, (_, index) => {
    const { image, folder } = pairs[index % pairs.length] ?? { image: '', folder: '' };
    const name = `xen-${index}`;
    copyFileSync(image, join(root, name));
    const files = readdirSync(folder).filter((file) => file.endsWith('.livepatch'));
    for (const file of files.slice(0, PAYLOADS)) {
      copyFileSync(join(folder, file), join(root, `${index}-${file}`));
      verdicts++;
    }
    return { name, image: name, payloads: `${index}-*.livepatch`, mode: 'alternatives' };
  });
  writeFileSync(join(root, 'xsplice.config.json'), JSON.stringify({ targets }));
  const all = timeOf([]);
  const one = timeOf(['taskset', '-c', '0']);
  console.log(
    `${verdicts} verdicts: ${all.toFixed(0)} ms on all cores, ${one.toFixed(0)} ms on one (best of ${ROUNDS}), goal ${GOAL} ms: ${all < GOAL ? 'met' : 'missed'}`,
  );
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** The best of some: what it takes, and not what else the machine does. */
function timeOf(before: readonly string[]): number {
  const [command = '', ...line] = [...before, process.execPath, program, 'check', '--quiet'];
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    const { status, stderr } = spawnSync(command, line, { cwd: root, encoding: 'utf8' });
    if (status !== 0 && status !== 3) throw new Error(`check ended with ${status}: ${stderr}`);
    return performance.now() - started;
  });
  return Math.min(...times);
}
