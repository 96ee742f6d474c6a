import { closeSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { change, parseAcceptance } from '../../core/change/index.js';
import { localFolder } from '../../core/files/index.js';
import { EXIT, errorFrom, isDanger, type XspliceError } from '../../core/findings/index.js';
import { readPayloadInputs } from '../../core/payload/index.js';
import {
  CONFIRM_FOLDER,
  forgetUnconfirmed,
  isOfThisBoot,
  type JournalEntry,
  keptFiles,
  type LoadedState,
  type Present,
  readUnconfirmed,
  secondsLeft,
  standingOf,
  TakingBack,
  writeUnconfirmed,
} from '../../core/store/index.js';
import { MeantHost } from '../meant-host.js';
import { policyTerms } from '../policy.js';
import { witnessOf } from '../run-change.js';
import type { Session } from '../session.js';
import { timeoutNs } from '../settings.js';
import { logChange } from '../syslog.js';
import { READY, READY_FD } from '../way-back.js';

/** Between two looks whether it was confirmed. */
const LOOK_MS = 1000;
/** Tries to take back, and the pause before the next. A host that is in use is waited for without end. */
const TRIES = 5;
const PAUSE_MS = 10_000;

/**
 * Waits for a change to be confirmed, and takes it back where nobody does: what `apply --confirm` starts, in a session
 * of its own. It says on a pipe that it waits, or why it does not; nobody reads anything else of it.
 */
export async function run(session: Session): Promise<number> {
  const host = new MeantHost(session);
  const stop = new AbortController();
  // A terminal that goes away ends nothing; what ends a machine does, between two looks.
  const endSignals = session.streams.onSignal((name) => {
    if (name !== 'SIGHUP') stop.abort();
  });
  try {
    const { path } = await host.folder();
    // Who has this lock is alive: that is how others know.
    await localFolder(`${path}/${CONFIRM_FOLDER}`).exclusive('The way back', async () => {
      tell(READY);
      await waitFor(Number(session.settings.words[0]), session, host, stop.signal);
    });
    return EXIT.done;
  } catch (error) {
    tell(errorFrom(error).message);
    return EXIT.failed;
  } finally {
    endSignals();
    await host.close();
  }
}

let isTold = false;

function tell(text: string): void {
  if (isTold) return;
  isTold = true;
  try {
    writeSync(READY_FD, text);
    closeSync(READY_FD);
  } catch {
    // Who would have read it was killed: it is waited all the same.
  }
}

async function waitFor(
  number: number,
  session: Session,
  host: MeantHost,
  stop: AbortSignal,
): Promise<void> {
  const pause = (ms: number) => sleep(ms, undefined, { signal: stop }).catch(() => undefined);
  for (let tries = 0; tries < TRIES && !stop.aborted; ) {
    const left = await timeLeft(number, host);
    if (left === null) return;
    if (left > 0) {
      await pause(Math.min(left * 1000, LOOK_MS));
      continue;
    }
    const why = await decide(number, session).catch(errorFrom);
    if (why === null) return;
    // Not due after all, or others are at the host, or were quicker: it is looked again.
    if (why === 'later' || why.exitCode === EXIT.busy || why.code === 'stale-plan') {
      await pause(LOOK_MS);
      continue;
    }
    tries += 1;
    if (tries < TRIES) await pause(PAUSE_MS);
  }
}

/** Null where it is decided, `later` where it is not due yet; else why it could not be taken back, which is noted. */
async function decide(number: number, session: Session): Promise<XspliceError | null | 'later'> {
  // Opened anew: the host may have booted since.
  const host = new MeantHost(session);
  try {
    const { port } = await host.open();
    // Who makes the change has the lock until it is made, and sets the time anew then.
    const target = await port.exclusive(() => targetOf(number, host));
    if (target === 'later' || target === null) return target;
    const why = await takeBack(number, target, session, host).catch(errorFrom);
    // Somebody confirmed it in this very moment.
    if (why?.code === 'confirm-nothing') return null;
    const isToBeSaid = why !== null && why.exitCode !== EXIT.busy && why.code !== 'stale-plan';
    if (isToBeSaid) await port.exclusive(() => noteFailure(number, host, why.message));
    return why;
  } finally {
    await host.close();
  }
}

/** In seconds; null where nothing is left to wait for. */
async function timeLeft(number: number, host: MeantHost): Promise<number | null> {
  const waiting = await readUnconfirmed(await host.folder());
  if (waiting?.entry !== number) return null;
  return secondsLeft(waiting, await (await host.open()).clock());
}

/** What is to be loaded again; null where nothing is to be taken back, `later` where it is not due yet. */
async function targetOf(number: number, host: MeantHost): Promise<LoadedState | null | 'later'> {
  const folder = await host.folder();
  const left = await timeLeft(number, host);
  if (left === null || left > 0) return left === null ? null : 'later';
  const waiting = await readUnconfirmed(folder);
  const { entries } = await (await host.journal()).read();
  const entry = entries.find((one) => one.number === number);
  if (waiting === null || entry === undefined) return null;
  const standing = standingOf(waiting, entries, await host.present());
  if (standing === 'over') await forgetUnconfirmed(folder);
  return standing === 'wait' ? entry.begin.before : null;
}

/** Null where it is done; else why not. */
async function takeBack(
  number: number,
  target: LoadedState,
  session: Session,
  host: MeantHost,
): Promise<XspliceError | null> {
  const { settings } = session;
  const journal = await host.journal();
  const present = await host.present();
  const { entries } = await journal.read();
  const inputs = await keptFiles(await host.store(), [...target.applied, ...target.others]);
  const accept = acceptedIn(entries, present).map(parseAcceptance);
  const inner = await witnessOf(session, host, accept, { undoes: number });
  const place = { folder: await host.folder(), journal, bootId: present.bootId };
  const payloads = readPayloadInputs(inputs);
  const report = await change(
    await host.open(),
    { verb: 'return', command: 'undo', target, payloads },
    {
      ...{ accept, policy: await policyTerms(settings), timeoutNs: timeoutNs(settings) },
      confirm: async () => true,
      witness: new TakingBack(inner, place, number),
    },
  );
  logChange(session, await host.spec(), inner.entry, report);
  return report.failure;
}

async function noteFailure(number: number, host: MeantHost, failed: string): Promise<void> {
  const folder = await host.folder();
  const waiting = await readUnconfirmed(folder);
  if (waiting?.entry !== number) return;
  // Where it cannot be noted, it is tried again all the same.
  await writeUnconfirmed(folder, { ...waiting, failed }).catch(() => undefined);
}

/** What was let pass once is let pass on the way back: there is nobody to ask. */
function acceptedIn(entries: readonly JournalEntry[], present: Present): readonly string[] {
  const own = entries.filter((entry) => isOfThisBoot(entry, present));
  const codes = own.flatMap(({ begin }) =>
    begin.accepted
      .filter(({ code }) => isDanger(code))
      .map(({ code, payload }) => (payload === null ? code : `${code}=${payload}`)),
  );
  return [...new Set([...codes, 'journal-not-writable'])];
}
