import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { isLocked } from '../core/files/index.js';
import { embeddedDirectory, type HostSpec, hostText } from '../core/host/index.js';
import { CONFIRM_FILE, CONFIRM_FOLDER, notArmed } from '../core/store/index.js';
import type { MeantHost } from './meant-host.js';
import { namedStore } from './memory.js';
import { TAKE_BACK } from './options/commands.js';
import type { Session } from './session.js';
import { confirmSeconds } from './settings.js';
import { programWords } from './tool.js';

/** Who waits for a change to be confirmed, and takes it back where nobody does. */
export interface WayBack {
  /**
   * Has somebody wait for this entry of the journal; ends once it is sure that somebody does. Fails with
   * `confirm-not-armed`. Null where nobody can wait for it: the store is not on the machine of the host.
   */
  readonly arm: ((entry: number) => Promise<void>) | null;
  /** False where nobody waits: who did was killed. Null where that cannot be told from here. */
  isAwake(): Promise<boolean | null>;
}

/** Longest that a process may take to start, on however busy a machine. */
const START_MS = 30_000;
/** Where the process that waits says that it does. */
export const READY_FD = 3;
export const READY = 'ready';

/** The way back of a host. Fails as opening the host does. */
export async function wayBackOf(session: Session, meant: MeantHost): Promise<WayBack> {
  const spec = await meant.spec();
  if (spec.kind === 'remote') return wayBackThere(session, meant);
  const folder = `${(await meant.folder()).path}/${CONFIRM_FOLDER}`;
  return {
    arm: (entry) => startWaiting(wordsFor(entry, spec, session)),
    isAwake: () => isLocked(folder),
  };
}

/** The agent on another machine waits itself, with what takes the change back. */
async function wayBackThere(session: Session, meant: MeantHost): Promise<WayBack> {
  const { lastWill } = (await meant.open()).port;
  const seconds = confirmSeconds(session.settings);
  const isStoreThere = namedStore(session.settings, session.streams) === null;
  if (lastWill === undefined || !isStoreThere) return { arm: null, isAwake: async () => null };
  const { path } = await meant.folder();
  return {
    arm: async () => {
      if (await lastWill.stay(`${path}/${CONFIRM_FILE}`, seconds ?? 0)) return;
      throw notArmed(
        'the agent on the host takes back only uploads and applies, with nothing else in the same change, and not with --keep-going',
      );
    },
    isAwake: () => lastWill.isAwaited(`${path}/${CONFIRM_FOLDER}`),
  };
}

/** The command line of the process that waits: it knows what this one knows. */
function wordsFor(entry: number, spec: HostSpec, { settings, streams }: Session): string[] {
  const { image, xen, policy, trustedKey, timeout } = settings;
  const directory = embeddedDirectory(spec);
  const host = directory === null ? hostText(spec) : `embedded:${resolve(directory)}`;
  const option = (name: string, value: string | null) => (value === null ? [] : [name, value]);
  const file = (name: string, value: string | null) => option(name, value && resolve(value));
  return [
    ...[TAKE_BACK, String(entry), '--host', host],
    ...file('--store', namedStore(settings, streams)?.path ?? null),
    ...file('--image', image),
    ...option('--xen', xen),
    ...file('--policy', policy),
    ...trustedKey.flatMap((key) => file('--trusted-key', key)),
    ...option('--timeout', timeout),
  ];
}

/**
 * Starts a process of its own session, which no signal of this terminal reaches, and which has nothing of it open. Ends
 * once it waits.
 */
async function startWaiting(words: readonly string[]): Promise<void> {
  const [program, ...before] = programWords();
  const child = spawn(program, [...before, ...words], {
    ...{ detached: true, cwd: '/' },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const heard = await new Promise<string>((end) => {
    const late = setTimeout(() => end('it did not start in time'), START_MS);
    let text = '';
    const pipe = child.stdio[READY_FD] as Readable;
    pipe.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    pipe.on('error', () => undefined).on('close', () => end(text));
    child.on('error', (error) => end(error.message)).on('close', () => clearTimeout(late));
    pipe.on('close', () => clearTimeout(late));
  });
  child.unref();
  if (heard === READY) return;
  child.kill('SIGKILL');
  throw notArmed(heard === '' ? 'the process that is to wait ended at once' : heard);
}
