import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CHAIN, DEMO_IMAGE, demo } from '../support/cli.js';
import { createPrng, type Prng } from '../support/prng.js';
import { type End, runHere } from './in-process.js';
import { documentIn } from './judge.js';
import type { Fault, Part, Setting, Trial } from './trial.js';
import { truthOf } from './truth.js';

/** How often each is tried. `flips`: bits of the state file; `blobFlips`: bits of each blob. */
const SHARE = { mutants: 60, flips: 300, blobFlips: 3 };
const ALL = { mutants: 1_500, flips: 10_000, blobFlips: 20 };

/** Values that no field expects. */
const VALUES: readonly [unknown, ...unknown[]] = [
  null,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  '0x0',
  '0xffffffffffffffff',
  '0xffff82d040200000',
  '../../../../etc/passwd',
  '__proto__',
  '\u001b[31m',
  [],
  {},
  true,
  { $u64: '0xffffffffffffffff' },
  { $u64: 'zz' },
  { $bytes: 'zz' },
  'a'.repeat(100_000),
];

/** The files of a state are damaged: every command says so, or finds the same state; none finds another one. */
export const damage: Part = async (setting) => {
  const state = join(setting.scratch, 'damage', 'state');
  const good = `${state}-good`;
  const host = ['--host', `embedded:${state}`];
  for (const words of [
    ['init', '--image', DEMO_IMAGE],
    ['apply', ...CHAIN.slice(0, 2), '--yes'],
    ['upload', demo('metadata'), '--accept', 'patched-by-other', '--yes'],
  ]) {
    const { code, stderr } = await runHere([...words, ...host]);
    if (code !== 0) throw new Error(stderr);
  }
  cpSync(state, good, { recursive: true });
  const damaged: Damaged = { state, good, whole: (await truthOf(state)).whole, setting };
  return [...(await mutants(damaged)), ...(await flips(damaged)), ...(await lostFiles(damaged))];
};

interface Damaged {
  readonly state: string;
  /** A copy that nobody touches. */
  readonly good: string;
  readonly whole: string;
  readonly setting: Setting;
}

function restore({ state, good }: Damaged): void {
  rmSync(state, { recursive: true, force: true });
  cpSync(good, state, { recursive: true });
}

/** Plain files of the state, by their path in it. */
function filesOf({ good }: Damaged): readonly string[] {
  return readdirSync(good, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(good.length + 1))
    .sort();
}

function isBlob(file: string): boolean {
  return /[0-9a-f]{64}/.test(basename(file));
}

/** Fields of each JSON file changed, removed or swapped, and every verb asked about it. */
async function mutants(damaged: Damaged): Promise<readonly Trial[]> {
  const { state, good, setting } = damaged;
  const row = 'damage: mutated state × verbs';
  if (!row.includes(setting.only)) return [];
  const random = createPrng(setting.seed);
  const trials: Trial[] = [];
  const count = setting.all ? ALL.mutants : SHARE.mutants;
  const jsonFiles = filesOf(damaged).filter((file) => file.endsWith('.json'));
  for (let index = 0; index < count; index++) {
    const faults: Fault[] = [];
    const file = jsonFiles[index % jsonFiles.length] ?? '';
    const mutant = mutate(readFileSync(join(good, file), 'utf8'), random);
    const host = ['--host', `embedded:${state}`, '--json'];
    for (const words of [
      ['list', '--verbose'],
      ['plan', demo('chain-03')],
      ['which', 'xen_extra_version'],
      ['apply', demo('chain-03'), '--yes'],
      ['revert', '--to', 'base', '--yes'],
    ]) {
      if (words.includes('--yes')) restore(damaged);
      writeFileSync(join(state, file), mutant);
      faults.push(...judgeEnd(words[0] ?? '', await runHere([...words, ...host])));
    }
    restore(damaged);
    writeFileSync(join(state, file), mutant);
    faults.push(...(await judgeDamaged(damaged, `fields of ${file}`)));
    trials.push({ row, faults, again: againText(row, setting) });
  }
  return trials;
}

/** One bit of one file. */
async function flips(damaged: Damaged): Promise<readonly Trial[]> {
  const { state, good, setting } = damaged;
  const random = createPrng(setting.seed);
  const { flips: ofState, blobFlips } = setting.all ? ALL : SHARE;
  const trials: Trial[] = [];
  restore(damaged);
  for (const file of filesOf(damaged)) {
    const row = `damage: bits of ${isBlob(file) ? 'blobs' : file}`;
    if (!row.includes(setting.only)) continue;
    const bytes = readFileSync(join(good, file));
    for (let count = isBlob(file) ? blobFlips : ofState; count > 0; count--) {
      const at = random.below(bytes.length);
      const bit = random.below(8);
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      writeFileSync(join(state, file), flipped);
      const faults = await judgeDamaged(damaged, `a bit of ${isBlob(file) ? 'a blob' : file}`);
      trials.push({ row, faults, again: againText(row, setting) });
    }
    writeFileSync(join(state, file), bytes);
  }
  return trials;
}

/** Each file gone, empty, cut in half, or zeroed as a crash of the machine leaves it. */
async function lostFiles(damaged: Damaged): Promise<readonly Trial[]> {
  const { state, good, setting } = damaged;
  const row = 'damage: lost, empty, cut, zeroed';
  if (!row.includes(setting.only)) return [];
  const trials: Trial[] = [];
  for (const file of filesOf(damaged)) {
    const bytes = readFileSync(join(good, file));
    const half = bytes.subarray(0, bytes.length >> 1);
    for (const left of [null, Buffer.alloc(0), half, Buffer.alloc(bytes.length)]) {
      // Without its state file there is no hypervisor, and that is what has to be said.
      if (left === null && !isBlob(file)) continue;
      restore(damaged);
      if (left === null) rmSync(join(state, file));
      else writeFileSync(join(state, file), left);
      const what = isBlob(file) ? 'a lost blob' : `a lost ${file}`;
      const faults = await judgeDamaged(damaged, what);
      trials.push({ row, faults, again: againText(row, setting) });
    }
  }
  return trials;
}

/** Whether what is there now is read as what was there, or as damage. */
async function judgeDamaged({ state, whole }: Damaged, place: string): Promise<readonly Fault[]> {
  const now = await truthOf(state);
  if (now.whole === whole || now.print === 'unreadable: state-damaged') return [];
  if (now.print === 'unreadable: state-too-new') return [];
  if (now.print === 'none') return [{ wrong: 'false report', what: `no hypervisor: ${place}` }];
  if (!now.print.startsWith('unreadable')) {
    return [{ wrong: 'wrong state', what: `silently another state: ${place}` }];
  }
  const why = now.print.replace(/[0-9a-f]{8,}/g, 'N');
  return /^unreadable: [a-z-]+$/.test(why)
    ? []
    : [{ wrong: 'false report', what: `${why}: ${place}` }];
}

function judgeEnd(verb: string, { stdout, code }: End): readonly Fault[] {
  const report = documentIn(stdout);
  if (report === null) return [{ wrong: 'false report', what: `${verb}: no JSON document` }];
  if (code === 0 || report.error?.code !== 'internal-error') return [];
  const why = (report.error.message ?? '').replace(/[0-9a-f]{8,}/g, 'N').slice(0, 100);
  return [{ wrong: 'false report', what: `${verb}: ${why}` }];
}

type Path = readonly string[];

/** The text with one or two of its values replaced, removed, or set to another one of its values. */
function mutate(text: string, random: Prng): string {
  const root: unknown = JSON.parse(text);
  for (let count = 1 + random.below(2); count > 0; count--) {
    const paths = pathsIn(root, []);
    const pick = (): Path => paths[random.below(paths.length)] ?? [];
    const path = pick();
    const last = path.at(-1);
    const holder = valueAt(root, path.slice(0, -1));
    if (last === undefined || !isHolder(holder)) continue;
    const way = random.below(4);
    if (way === 0 && Array.isArray(holder)) holder.splice(Number(last), 1);
    else if (way === 0) delete holder[last];
    else if (way === 1) holder[last] = structuredClone(valueAt(root, pick()) ?? null);
    else holder[last] = random.pick(VALUES);
  }
  return JSON.stringify(root);
}

function pathsIn(value: unknown, path: Path): readonly Path[] {
  if (!isHolder(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, key];
    return [here, ...pathsIn(inner, here)];
  });
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => (isHolder(inner) ? inner[key] : undefined), value);
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function againText(row: string, { seed, all }: Setting): string {
  return `--part damage --only "${row}" --seed ${seed}${all ? ' --all' : ''}`;
}
