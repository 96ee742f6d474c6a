import { createHash } from 'node:crypto';
import { posix, relative, resolve } from 'node:path';
import type { RunFinding } from '../../core/check/index.js';

/** Turns the path of a file, as it was named, into what a CI system finds it by. */
export type PlaceOf = (file: string) => string;

/**
 * Places below a folder, the root of the repository: relative to it, with `/`. What lies outside keeps its
 * whole path.
 */
export function placesBelow(root: string): PlaceOf {
  return (file) => {
    const path = relative(root, resolve(file));
    const isInside = path !== '' && path !== '..' && !path.startsWith('../');
    return isInside ? posix.normalize(path) : resolve(file);
  };
}

/**
 * What tells a finding from all others, over runs and machines: SHA-256 of what it is about, never of its
 * words. Of several that are about the same, each has its number.
 */
export function fingerprints(found: readonly RunFinding[], placeOf: PlaceOf): readonly string[] {
  const taken = new Map<string, number>();
  return found.map(({ target, finding }) => {
    const { code, stage = '', file, section = '', symbol = '' } = finding;
    const place = file === undefined ? '' : placeOf(file);
    const about = [target?.target ?? '', code, stage, place, section, symbol].join('\0');
    const number = taken.get(about) ?? 0;
    taken.set(about, number + 1);
    return createHash('sha256').update(`${about}\0${number}`).digest('hex');
  });
}

/** The file that a finding is shown at: its own, else the hypervisor's image; null where there is neither. */
export function fileOf({ target, finding }: RunFinding): string | null {
  return finding.file ?? target?.image ?? target?.report.files[0] ?? null;
}
