import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { demo } from '../support/cli.js';
import { createPrng, type Prng } from '../support/prng.js';
import { PROGRAM, runProgram } from './program.js';
import type { Fault, Part, Trial } from './trial.js';

/** How often each kind of damage is tried. */
const SHARE = 3;
const ALL = 20;
/** What a disk loses at once. */
const PAGE_BYTES = 4096;
const CRASHES: readonly (string | null)[] = ['SIGSEGV', 'SIGTRAP', 'SIGILL', 'SIGABRT', 'SIGBUS'];

type Spoil = (bytes: Buffer, random: Prng) => Buffer;

const SPOILS: Readonly<Record<string, Spoil>> = {
  'a bit': (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = random.below(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    return copy;
  },
  'a page of zeros': (bytes, random) => {
    const copy = Buffer.from(bytes);
    const page = random.below(Math.ceil(copy.length / PAGE_BYTES)) * PAGE_BYTES;
    return copy.fill(0, page, Math.min(page + PAGE_BYTES, copy.length));
  },
  'a tail of zeros': (bytes, random) => Buffer.from(bytes).fill(0, random.below(bytes.length)),
  truncated: (bytes, random) => bytes.subarray(0, random.below(bytes.length)),
  empty: () => Buffer.alloc(0),
};

/** What V8 compiled before is damaged: the program works all the same. */
export const codeCache: Part = async (setting) => {
  const folder = join(setting.scratch, 'code-cache');
  const program = join(folder, 'bin', 'xsplice-ts.js');
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  cpSync(dirname(PROGRAM), dirname(program), { recursive: true });
  const run = () =>
    runProgram(
      ['inspect', demo('hello')],
      join(folder, 'none'),
      { HOME: home, XDG_CACHE_HOME: join(home, '.cache') },
      { program },
    );
  const shipped = filesBelow(dirname(program));
  const good = await run();
  if (good.code !== 0) throw new Error(good.stderr);
  const kept = [...filesBelow(dirname(program)), ...filesBelow(home)];
  const caches = kept.filter((file) => !shipped.includes(file));
  if (caches.length === 0) throw new Error('nothing is kept of what V8 compiled');
  const contents = caches.map((file) => readFileSync(file));
  const random = createPrng(setting.seed);
  const trials: Trial[] = [];
  for (const [kind, spoil] of Object.entries(SPOILS)) {
    const row = `code cache: ${kind}`;
    if (!row.includes(setting.only)) continue;
    for (let count = kind === 'empty' ? 1 : setting.all ? ALL : SHARE; count > 0; count--) {
      caches.forEach((file, i) => {
        writeFileSync(file, spoil(contents[i] ?? Buffer.alloc(0), random));
      });
      const { code, signal, stdout, hung } = await run();
      const faults: Fault[] = [];
      if (hung) faults.push({ wrong: 'blocked', what: 'a damaged code cache hangs' });
      else if (CRASHES.includes(signal)) {
        faults.push({ wrong: 'false report', what: `a damaged code cache kills node: ${signal}` });
      } else if (code !== 0 || stdout !== good.stdout) {
        faults.push({ wrong: 'false report', what: 'a damaged code cache changes the output' });
      }
      const again = `--part code-cache --only "${row}" --seed ${setting.seed}${setting.all ? ' --all' : ''}`;
      trials.push({ row, faults, again });
    }
  }
  rmSync(folder, { recursive: true, force: true });
  return trials;
};

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
