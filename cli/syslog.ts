import { spawn } from 'node:child_process';
import { nameText } from '../core/abi/payload-name.js';
import type { ChangeReport } from '../core/change/index.js';
import type { HostSpec } from '../core/host/index.js';
import { loadedState, stateText } from '../core/store/index.js';
import type { Session } from './session.js';
import { escapeText } from './terminal/escape.js';
import { whoText } from './views/history.js';
import { verbTyped, whoRunsThis } from './who.js';

/** logger cuts what is longer than a KiB, its own words included. */
const MAX_LINE = 900;

/**
 * Says in one line to the system's log what became of a change. By logger(1), which every Linux has: Node has no
 * datagram sockets of Unix. Nobody waits for it, and where there is none, nothing is said. An embedded hypervisor is not
 * this machine's, and what is done to it is in its journal alone.
 */
export function logChange(
  session: Pick<Session, 'command' | 'streams'>,
  spec: HostSpec,
  entry: number | null,
  { plan, execution, host, accepted }: ChangeReport,
): void {
  if (spec.kind === 'embedded' || plan === null || execution === null) return;
  const names = new Set(
    plan.steps.filter(({ action }) => action !== 'none').map(({ name }) => nameText(name)),
  );
  const { outcome, after } = execution;
  const now = after === null ? 'not known' : stateText(loadedState(after));
  const codes = [...new Set(accepted.map(({ code }) => code))];
  logLine(session, outcome === 'done' ? 'notice' : 'warning', [
    `${verbTyped(session)} ${[...names].join(', ')} on ${host.spec}: ${outcome.replace('-', ' ')}`,
    `applied now: ${now}`,
    ...(codes.length === 0 ? [] : [`accepted: ${codes.join(', ')}`]),
    ...(entry === null ? ['not in the journal'] : [`change ${entry}`]),
  ]);
}

/** The same of a change that is confirmed. */
export function logConfirmed(
  session: Pick<Session, 'command' | 'streams'>,
  spec: HostSpec,
  host: string,
  entry: number,
): void {
  if (spec.kind !== 'embedded')
    logLine(session, 'notice', [`confirm on ${host}`, `change ${entry}`]);
}

function logLine(
  { streams }: Pick<Session, 'streams'>,
  level: 'notice' | 'warning',
  parts: readonly string[],
): void {
  const by = `by ${whoText(whoRunsThis(streams))}`;
  const line = escapeText([...parts, by].join('; '));
  const text = line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line;
  const words = ['-t', 'xsplice-ts', '-p', `daemon.${level}`, '--', text];
  try {
    spawn('logger', words, { env: { ...streams.env }, detached: true, cwd: '/', stdio: 'ignore' })
      .on('error', () => undefined)
      .unref();
  } catch {
    // No more processes: the journal has it all the same.
  }
}
