import { onDisk } from '../abi/raw-path.js';
import { XspliceError } from '../findings/index.js';
import type { Transport } from '../hypervisor/xen/index.js';
import { splitWords } from './words.js';

/** Which hypervisor is meant, as --host says it. */
export type HostSpec =
  | { readonly kind: 'xen' }
  | { readonly kind: 'embedded'; readonly directory: string }
  /** The Xen under another machine. */
  | { readonly kind: 'remote'; readonly transport: Transport };

/** `ssh://[USER@]HOST[:PORT]`; an address of IPv6 stands in brackets. */
const SSH =
  /^ssh:\/\/(?:(?<user>[^@:/\s]+)@)?(?:\[(?<address>[0-9A-Fa-f:.%\w-]+)\]|(?<host>[^@:/\s[\]]+))(?::(?<port>\d{1,5}))?\/?$/;
/** A word that ssh would take for an option, or that a configuration with `%h` could hand to a shell. */
const BAD_WORD = /^-|[\p{Cc}`'"$\\;&<>|(){}*?!]/u;

/**
 * Reads `xen`, `embedded:DIR`, `ssh://[USER@]HOST[:PORT]` or `exec:COMMAND`. Fails with `bad-host` (exit code 64) on
 * anything else, and on a destination that ssh could take for something else.
 */
export function parseHostSpec(text: string): HostSpec {
  if (text === 'xen') return { kind: 'xen' };
  const directory = /^embedded:(.+)$/s.exec(text)?.[1];
  if (directory !== undefined && onDisk(directory) !== directory) {
    throw badHost(text, 'the name of its folder is no UTF-8');
  }
  if (directory !== undefined) return { kind: 'embedded', directory };
  if (text.startsWith('ssh://')) return { kind: 'remote', transport: sshTransport(text) };
  const command = /^exec:(.*)$/s.exec(text)?.[1];
  if (command !== undefined) {
    const words = splitWords(command);
    if (words === null) throw badHost(text, 'a quote in it has no end');
    if (words.length === 0 || words[0] === '') throw badHost(text, 'it names no command');
    return { kind: 'remote', transport: { kind: 'exec', spec: text, words } };
  }
  throw badHost(text);
}

function sshTransport(spec: string): Transport {
  const { user = null, address, host = address, port } = SSH.exec(spec)?.groups ?? {};
  if (host === undefined) throw badHost(spec, 'it has to be ssh://[USER@]HOST[:PORT]');
  if (BAD_WORD.test(host) || (user !== null && BAD_WORD.test(user))) {
    throw badHost(spec, 'ssh could take a part of it for something else');
  }
  const number = port === undefined ? null : Number(port);
  if (number !== null && (number < 1 || number > 65_535)) throw badHost(spec, `no port ${number}`);
  return { kind: 'ssh', spec, user, host, port: number, mayAsk: false };
}

function badHost(text: string, why = ''): XspliceError {
  const reason = why === '' ? '' : `: ${why}`;
  return new XspliceError('bad-host', `Not a host: ${JSON.stringify(text)}${reason}`);
}

/** The same host, where somebody is at the terminal: ssh may ask. */
export function withQuestions(spec: HostSpec): HostSpec {
  if (spec.kind !== 'remote' || spec.transport.kind !== 'ssh') return spec;
  return { kind: 'remote', transport: { ...spec.transport, mayAsk: true } };
}

/** Where an embedded hypervisor lies; null for any other host. */
export function embeddedDirectory(spec: HostSpec): string | null {
  return spec.kind === 'embedded' ? spec.directory : null;
}

/** The words that name a host, as --host takes them. */
export function hostText(spec: HostSpec): string {
  switch (spec.kind) {
    case 'xen':
      return 'xen';
    case 'embedded':
      return `embedded:${spec.directory}`;
    case 'remote':
      return spec.transport.spec;
  }
}
