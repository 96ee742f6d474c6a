import { type Code, XspliceError } from '../../../findings/index.js';
import type { Transport } from './transport.js';

/** What OpenSSH's client says when it fails, and which failure that is. The first that fits counts. */
const OF_SSH: readonly (readonly [RegExp, Code])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed/, 'ssh-host-key'],
  [/Permission denied|Too many authentication failures/, 'ssh-denied'],
  [/Connection refused/, 'ssh-refused'],
  [/exec: ssh: not found|ssh: not found/, 'ssh-missing'],
];
/** What sudo says where it would ask, and shells and interpreters where something is not there. */
const OF_HOST: readonly (readonly [RegExp, Code])[] = [
  [
    /sudo: .*(?:password|terminal|askpass)|is not in the sudoers file|not allowed to execute/i,
    'agent-not-root',
  ],
  [/sudo: not found|sudo: command not found/, 'agent-not-root'],
  [/No module named|cannot import name/, 'no-interpreter'],
];
/** ssh itself failed; else it ends as the command did. */
const SSH_FAILED = 255;

/**
 * Why a transport ended, by its exit status (null where it did not start) and what it said on stderr. `wasOpen`: the agent
 * had begun to answer.
 */
export function failureOf(
  transport: Transport,
  status: number | null,
  words: string,
  wasOpen = false,
): XspliceError {
  const { spec, kind } = transport;
  const last = lastLine(words);
  const said = last === '' ? '' : `: ${last}`;
  const known = (table: typeof OF_SSH) => table.find(([pattern]) => pattern.test(words))?.[1];
  const ofHost = known(OF_HOST);
  if (ofHost !== undefined && !wasOpen) {
    const what =
      ofHost === 'no-interpreter'
        ? 'the interpreter there lacks a module that the agent needs'
        : 'the user there is not root, and sudo does not let it be';
    return new XspliceError(ofHost, `${spec}: ${what}${said}`);
  }
  const ofSsh = kind === 'ssh' ? known(OF_SSH) : undefined;
  if (ofSsh !== undefined && !wasOpen) return new XspliceError(ofSsh, `${spec}${said}`);
  if (wasOpen || (kind === 'ssh' && status !== SSH_FAILED)) {
    const how = status === null ? 'it was killed' : `it ended with ${status}`;
    return new XspliceError('agent-lost', `${spec}: the connection is lost: ${how}${said}`);
  }
  if (kind === 'ssh') return new XspliceError('ssh-failed', `${spec}: ssh failed${said}`);
  const how = status === null ? 'was killed' : `ended with ${status}`;
  return new XspliceError(
    'exec-failed',
    `${spec}: the command ${how} before the agent began${said}`,
  );
}

/** The last line with something in it, of a length that can be shown. */
function lastLine(words: string): string {
  const lines = words.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? '').trim().slice(0, 300);
}
