import { compareReleases } from '../age.js';
import type { NbdkitHost } from './host.js';

/** filter_register (server/filters.c): the interface of nbdkit 1.15.1 to 1.48. */
export const FILTER_API = 6;
/** plugin_register (server/plugins.c): 0 to 2 are known since 1.1. */
export const HIGHEST_PLUGIN_API = 2;

/** Callbacks that every plugin has to have, by their offsets in struct nbdkit_plugin: one of them. */
export const REQUIRED = [
  { name: 'open', offsets: [88] },
  { name: 'get_size', offsets: [104] },
  // pread of version 1 of the interface, and of version 2.
  { name: 'pread', offsets: [144, 216] },
] as const;

/** Size of struct nbdkit_plugin by release: what lies behind it is not read. */
const SIZES = [
  { since: '1.29.16', sizeBytes: 384 },
  { since: '1.24', sizeBytes: 368 },
] as const;
/** The one release of the second line that was measured. */
const MEASURED_UNTIL = '1.25';

/** What lies there, by offset, of what is not in every release. */
export const LATER_CALLBACKS: ReadonlyMap<number, string> = new Map([
  [368, 'cleanup'],
  [376, 'block_size'],
]);

/** Bytes of a plugin's structure that this server reads; null where that is not known. */
export function structSize({ version }: NbdkitHost): number | null {
  const line = SIZES.find(({ since }) => (compareReleases(version, since) ?? -1) >= 0);
  if (line === undefined) return null;
  const isMeasured = line === SIZES[0] || (compareReleases(version, MEASURED_UNTIL) ?? 0) < 0;
  return isMeasured ? line.sizeBytes : null;
}

/** How the server names a file that the dynamic linker refused; 1.42 and later with double quotes. */
export function notOpened(
  { version }: NbdkitHost,
  role: string,
  file: string,
  text: string,
): string {
  const quote = (compareReleases(version, '1.42') ?? -1) >= 0 ? '"' : "'";
  return `nbdkit: error: cannot open ${role} ${quote}${file}${quote}: ${text}`;
}
