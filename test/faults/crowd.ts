import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHAIN, DEMO_IMAGE, demo } from '../support/cli.js';
import { createPrng, type Prng } from '../support/prng.js';
import { atOnce } from './at-once.js';
import { documentIn } from './judge.js';
import { type Run, runProgram } from './program.js';
import type { Fault, Part, Setting, Trial } from './trial.js';
import { truthOf } from './truth.js';

/** How many commands, how many of them at once, and how many in a hundred are killed. */
interface Crowd {
  readonly name: string;
  readonly commands: number;
  readonly atOnce: number;
  readonly killedOf100: number;
}

const SHARE: readonly Crowd[] = [
  { name: 'crowd', commands: 45, atOnce: 20, killedOf100: 0 },
  { name: 'crowd, killed', commands: 45, atOnce: 20, killedOf100: 44 },
];
const ALL: readonly Crowd[] = [
  { name: 'crowd', commands: 300, atOnce: 50, killedOf100: 0 },
  { name: 'crowd, killed', commands: 300, atOnce: 50, killedOf100: 44 },
];

/** Of three commands, one uploads a payload that nobody else has: it must be there at the end. */
const OWN_OF = 3;
/** A command of a crowd is killed within so many milliseconds from its start. */
const KILL_WITHIN_MS = 4_000;

const SHARED: readonly [readonly string[], ...(readonly string[])[]] = [
  ['apply', ...CHAIN, '--yes'],
  ['apply', ...CHAIN.slice(0, 1), '--yes'],
  ['revert', '--to', 'base', '--yes'],
  ['revert', '--yes'],
  ['replace', demo('replace'), '--yes'],
  ['unload', 'chain-01', '--yes'],
  ['unload', 'chain-02', 'chain-03', '--yes'],
  ['plan', ...CHAIN],
  ['list'],
];

/** Errors that no command may end with, whoever else is at it. */
const FALSE = ['state-damaged', 'state-absent', 'internal-error', 'state-not-writable'];

/** Many managers of one hypervisor at once. */
export const crowd: Part = async (setting) => {
  const chosen = (setting.all ? ALL : SHARE).filter(({ name }) => name.includes(setting.only));
  const trials: Trial[] = [];
  for (const one of chosen) {
    const gathered = await gather(one, setting);
    setting.show(gathered);
    trials.push(...gathered);
  }
  return trials;
};

interface Member {
  readonly words: readonly string[];
  /** The payload that only this one uploads; null for one that does something else. */
  readonly own: string | null;
  /** Milliseconds from its start; null: it lives. */
  readonly killedAfterMs: number | null;
}

async function gather(one: Crowd, setting: Setting): Promise<readonly Trial[]> {
  const folder = join(setting.scratch, one.name.replace(/\W+/g, '-'));
  const state = join(folder, 'state');
  mkdirSync(folder, { recursive: true });
  await runProgram(['init', '--image', DEMO_IMAGE], state);
  const fresh = await truthOf(state);
  const random = createPrng(setting.seed);
  const members = Array.from({ length: one.commands }, (_, i) => member(i, one, folder, random));
  const runs = await atOnce(members, one.atOnce, ({ words, killedAfterMs }) =>
    runProgram(
      [...words, '--json'],
      state,
      {},
      {
        onStart: (pid) => {
          if (killedAfterMs === null) return;
          setTimeout(() => killIfThere(pid), killedAfterMs).unref();
        },
      },
    ),
  );
  const again = `--part crowd --only "${one.name}" --seed ${setting.seed}${setting.all ? ' --all' : ''}`;
  const row = one.name;
  const faults = runs.map(judgeMember);
  const uploaded = members.flatMap(({ own }, i) =>
    own !== null && runs[i]?.code === 0 ? [own] : [],
  );
  const end = await judgeEnd(state, uploaded, fresh.print);
  return [...faults, end].map((list) => ({ row, again, faults: list }));
}

function member(index: number, one: Crowd, folder: string, random: Prng): Member {
  const isKilled = random.below(100) < one.killedOf100;
  const killedAfterMs = isKilled ? random.below(KILL_WITHIN_MS) : null;
  if (index % OWN_OF !== 0) return { words: random.pick(SHARED), own: null, killedAfterMs };
  const own = `own-${String(index).padStart(4, '0')}`;
  const file = join(folder, `${own}.livepatch`);
  writeFileSync(file, ownPayload(index));
  return { words: ['upload', file, '--yes'], own, killedAfterMs };
}

/** A payload like no other: with an id and a symbol of its own. */
function ownPayload(index: number): Uint8Array {
  const number = String(index).padStart(4, '0');
  const text = readFileSync(demo('metadata')).toString('latin1');
  const id = Buffer.from('cef88675495a36350e7e7d2f036a9de85d09505c', 'hex').toString('latin1');
  if (!text.includes(id)) throw new Error('the demo payload metadata has another build-id');
  return Buffer.from(
    text
      .replaceAll(id, () => `${number}${id.slice(4)}`)
      .replaceAll('metadata_extra_version', `metadata_extra_ver${number}`),
    'latin1',
  );
}

function judgeMember(run: Run): readonly Fault[] {
  if (run.hung) return [{ wrong: 'blocked', what: 'a command of a crowd did not end' }];
  if (run.signal === 'SIGKILL') return [];
  if (run.signal !== null) return [{ wrong: 'false report', what: `died of ${run.signal}` }];
  const report = documentIn(run.stdout);
  if (report === null) return [{ wrong: 'false report', what: 'no JSON document' }];
  const code = report.error?.code ?? '';
  return FALSE.includes(code) ? [{ wrong: 'false report', what: `${code} in a crowd` }] : [];
}

/** When all have gone: what was said to be there is there, and all can be taken away again. */
async function judgeEnd(
  state: string,
  uploaded: readonly string[],
  fresh: string,
): Promise<readonly Fault[]> {
  const { loaded, print, text } = await truthOf(state);
  if (print.startsWith('unreadable')) return [{ wrong: 'wrong state', what: text }];
  const names = loaded.map((line) => line.split(' ')[0] ?? '');
  const lost = uploaded.filter((name) => !names.includes(name));
  const faults: Fault[] = lost.map(() => ({ wrong: 'wrong state', what: 'an upload is lost' }));
  const last = [
    ['revert', '--to', 'base', '--yes', '--json'],
    ...(names.length > 0 ? [['unload', ...names, '--yes', '--json']] : []),
  ];
  for (const words of last) {
    const { code, stdout } = await runProgram(words, state);
    if (code === 0) continue;
    const said = documentIn(stdout)?.error?.code ?? 'no code';
    return [...faults, { wrong: 'blocked', what: `after a crowd, ${words[0]} ends with ${said}` }];
  }
  const now = await truthOf(state);
  if (now.print === fresh) return faults;
  return [...faults, { wrong: 'wrong state', what: 'with all unloaded, it is not as it began' }];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
