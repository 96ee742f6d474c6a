import type { Prepared } from './prepare.js';
import { beginsWithOne } from './prepare.js';
import { type Run, runProgram } from './program.js';
import type { Fault } from './trial.js';
import { NONE, type Truth, truthOf } from './truth.js';

/** Errors that say more than that something failed, and are false where the state is a good one. */
const ACCUSATIONS = ['state-damaged', 'internal-error'];

const wrongState = (what: string): Fault => ({ wrong: 'wrong state', what });
const falseReport = (what: string): Fault => ({ wrong: 'false report', what });
const blocked = (what: string): Fault => ({ wrong: 'blocked', what });

/** Whether the state is one that the command may leave, at whatever moment it ends. */
export function judgeState({ legal }: Prepared, now: Truth): readonly Fault[] {
  if (legal.some(({ print }) => print === now.print)) return [];
  const { print } = now;
  if (print === NONE) return [wrongState('the hypervisor is gone')];
  if (print.startsWith('unreadable')) return [wrongState(`its state is ${print}`)];
  return [wrongState('neither before nor after any step')];
}

/** Whether what a command that ended by itself said is true. */
export function judgeReport(
  prepared: Prepared,
  run: Run,
  now: Truth,
  isText: boolean,
): readonly Fault[] {
  if (run.hung) return [blocked('the command itself did not end in three minutes')];
  if (run.signal !== null) return judgeDeath(prepared, run.signal, now);
  return isText ? judgeText(prepared, run, now) : judgeDocument(prepared, run, now);
}

/** To die of a request to stop is no report, and needs none where nothing is half done. */
function judgeDeath({ scenario, before }: Prepared, signal: string, now: Truth): readonly Fault[] {
  const isRequest = ['SIGHUP', 'SIGTERM', 'SIGINT'].includes(signal);
  if (isRequest && (now.print === before.print || !scenario.hasPlan)) return [];
  return [falseReport(`died of ${signal} with some of it done, and says nothing`)];
}

/** The parts of a document that are compared with the truth. */
interface Report {
  readonly ok?: boolean;
  readonly error?: { readonly code: string; readonly message?: string };
  readonly execution?: {
    readonly outcome: string;
    readonly after: readonly { readonly name: string }[] | null;
  };
}

function judgeDocument(prepared: Prepared, { code, stdout }: Run, now: Truth): readonly Fault[] {
  const report = documentIn(stdout);
  if (report === null) return [falseReport('no JSON document')];
  const { error, execution } = report;
  const said = error?.code ?? 'no code';
  if (said === 'state-locked') return [blocked('it locks itself out')];
  if (report.ok === true || code === 0) return claimsDone(prepared, now);
  if (ACCUSATIONS.includes(said)) return [falseReport(`${said} of a good state`)];
  if (said === 'state-absent' && beginsWithOne(prepared)) {
    return [falseReport('there is no hypervisor, it says, and there is one')];
  }
  if (execution === undefined) return claimsNothing(prepared, now, said);
  return judgeExecution(prepared, execution, now);
}

function claimsDone({ after }: Prepared, now: Truth): readonly Fault[] {
  return now.print === after.print ? [] : [falseReport('done, it says, and it is not')];
}

/** A failure that tells of no step: nothing may have been changed then. */
function claimsNothing({ before, after }: Prepared, now: Truth, said: string): readonly Fault[] {
  if (now.print === before.print) return [];
  // It says that the new state is there, and what of that is not sure.
  if (now.print === after.print && said === 'state-not-flushed') return [];
  if (now.print === after.print) return [falseReport(`${said}, it says, and all was done`)];
  return [falseReport(`${said}, it says, and not what was done and stays`)];
}

function judgeExecution(
  { before, after }: Prepared,
  execution: NonNullable<Report['execution']>,
  now: Truth,
): readonly Fault[] {
  const names = execution.after?.map(({ name }) => name) ?? null;
  const faults: Fault[] = [];
  // What could not be observed may be left open, never guessed.
  if (names !== null && names.join() !== now.applied.join()) {
    faults.push(falseReport('it names another stack than there is'));
  }
  if (execution.outcome === 'taken-back' && now.print !== before.print) {
    faults.push(falseReport('taken back, it says, and it is not'));
  }
  if (execution.outcome === 'done' && now.print !== after.print) {
    faults.push(falseReport('its execution says done, and it is not'));
  }
  return faults;
}

/** What the text has to hold once something was changed: `Applied now: ` and the stack. */
const NOT_FLUSHED = /is written, but whether a loss of power undoes it is not known/;
const APPLIED_NOW = /Applied now: ([^\n]*)/;

function judgeText(
  prepared: Prepared,
  { code, stdout, stderr }: Run,
  now: Truth,
): readonly Fault[] {
  const text = `${stdout}\n${stderr}`;
  const { before, after } = prepared;
  if (/Internal error|\n {4}at /.test(text)) return [falseReport('an internal error')];
  if (/is in use by/.test(text)) return [blocked('it locks itself out')];
  if (/state is damaged/.test(text)) return [falseReport('state-damaged of a good state')];
  if (beginsWithOne(prepared) && /There is no embedded hypervisor/.test(text)) {
    return [falseReport('there is no hypervisor, it says, and there is one')];
  }
  if (code === 0) return claimsDone(prepared, now);
  const names = APPLIED_NOW.exec(text)?.[1];
  const said = NOT_FLUSHED.test(text) ? 'state-not-flushed' : 'failed';
  if (names === undefined) return claimsNothing(prepared, now, said);
  const stack = names === 'nothing' ? '' : names;
  const faults: Fault[] = [];
  if (stack !== now.applied.join(', ')) {
    faults.push(falseReport('it names another stack than there is'));
  }
  if (/as it was/.test(text) && now.print !== before.print) {
    faults.push(falseReport('as it was, it says, and it is not'));
  }
  if (/^Done:/m.test(text) && now.print !== after.print) {
    faults.push(falseReport('done, it says, and it is not'));
  }
  return faults;
}

/** Whether the commands after it work: `list` tells the truth, and the same command gets to its end. */
export async function judgeNext(
  prepared: Prepared,
  state: string,
  now: Truth,
  run: (words: readonly string[], state: string) => Promise<Run> = runProgram,
): Promise<readonly Fault[]> {
  const list = await run(['list', '--json'], state);
  const faults = [...judgeList(list, now)];
  // Of a state that is wrong already, nothing can be said of the next command.
  if (judgeState(prepared, now).length > 0) return faults;
  const { command, next: words = command } = prepared.scenario;
  let next = await run([...words, '--json'], state);
  let later = await truthOf(state);
  const isHalf = later.print !== prepared.before.print && later.print !== prepared.after.print;
  if (next.code === 0 && words !== command && isHalf) {
    // What failed half done has ended, and nothing is to be recovered: undone, it is as it was before.
    next = await run([...command, '--json'], state);
    later = await truthOf(state);
    if (next.code === 0 && later.print === prepared.before.print) return faults;
  } else if (next.code === 0 && words !== command && later.print === prepared.before.print) {
    next = await run([...command, '--json'], state);
    later = await truthOf(state);
  }
  if (next.code === 0) {
    if (later.print === prepared.after.print) return faults;
    return [...faults, wrongState(`the next command leads elsewhere (${later.text})`)];
  }
  const code = documentIn(next.stdout)?.error?.code ?? `signal ${next.signal}`;
  return [...faults, blocked(`the next command ends with ${next.hung ? 'no end' : code}`)];
}

function judgeList(list: Run, now: Truth): readonly Fault[] {
  if (list.hung) return [blocked('list does not end')];
  const report = documentIn(list.stdout);
  if (report === null) return [falseReport('list gives no document')];
  if (list.code !== 0) {
    const code = report.error?.code ?? 'no code';
    const isTrue =
      now.print === NONE ? code === 'state-absent' : now.print === `unreadable: ${code}`;
    return isTrue ? [] : [falseReport(`list fails with ${code} and the state is ${now.text}`)];
  }
  const { payloads } = report as { payloads?: readonly { name: string; state: string }[] };
  const loaded = (payloads ?? []).map(({ name, state }) => `${name} ${state}`).sort();
  return loaded.join() === now.loaded.join() ? [] : [falseReport('list shows another state')];
}

/** The one document of an output; null where it is none. */
export function documentIn(text: string): Report | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}
