import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Suite } from './suites.js';

/** Where the pairs' files lie in every root. */
export const STAGE = '/xsplice-pairs';

/** Libraries in a folder of a suite, their paths on this machine. */
export function librariesOf({ root }: Suite, folder: string): readonly string[] {
  const place = join(root, folder);
  if (!existsSync(place)) return [];
  return readdirSync(place)
    .filter((name) => name.endsWith('.so'))
    .sort()
    .map((name) => join(place, name));
}

/**
 * Copies a file into a folder of its own in a root, and gives its path there: what lies beside a module
 * counts.
 */
export function stageAlone(root: string, kind: string, from: string, file: string): string {
  const name = basename(file);
  return stageAs(root, `${kind}/${from}/${name.replace(/\.so$/, '')}`, file, name);
}

/** Copies a file into a folder below STAGE. */
export function stageAs(root: string, folder: string, file: string, name: string): string {
  const inside = `${STAGE}/${folder}`;
  mkdirSync(join(root, inside), { recursive: true });
  const place = `${inside}/${name}`;
  if (!existsSync(join(root, place))) copyFileSync(file, join(root, place));
  return place;
}
