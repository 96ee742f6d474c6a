import { onDisk } from '../abi/raw-path.js';
import { XspliceError } from '../findings/index.js';

/** Which hypervisor is meant, as --host says it. */
export type HostSpec =
  | { readonly kind: 'xen' }
  | { readonly kind: 'embedded'; readonly directory: string };

/** Reads `xen` or `embedded:DIR`. Fails with `bad-host` (exit code 64) on anything else. */
export function parseHostSpec(text: string): HostSpec {
  if (text === 'xen') return { kind: 'xen' };
  const directory = /^embedded:(.+)$/s.exec(text)?.[1];
  if (directory !== undefined && onDisk(directory) === directory) {
    return { kind: 'embedded', directory };
  }
  throw new XspliceError('bad-host', `Not a host: ${JSON.stringify(text)}`);
}

/** Where an embedded hypervisor lies; null for any other host. */
export function embeddedDirectory(spec: HostSpec): string | null {
  return spec.kind === 'embedded' ? spec.directory : null;
}

/** The words that name a host, as --host takes them. */
export function hostText(spec: HostSpec): string {
  return spec.kind === 'xen' ? 'xen' : `embedded:${spec.directory}`;
}
