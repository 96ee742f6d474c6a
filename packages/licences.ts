import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENSE-MIT.txt'];
const RULE = `\n${'-'.repeat(72)}\n\n`;

/** A work that is part of a package of ours, and the text under which it may be. */
export interface Licence {
  /** Name and version. */
  readonly work: string;
  readonly text: string;
}

/**
 * The licence of the package in this folder, as it ships it: a file, or the end of its README.
 *
 * @throws Error where it ships none.
 */
export function licenceOf(folder: string): Licence {
  const { name, version }: { readonly name: string; readonly version: string } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  );
  const file = FILES.map((candidate) => join(folder, candidate)).find((path) => existsSync(path));
  const text = file === undefined ? fromReadme(folder) : readFileSync(file, 'utf8');
  return { work: `${name} ${version}`, text: text.trim() };
}

function fromReadme(folder: string): string {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const text = /^#+ *licen[cs]e$(.*)/ims.exec(readme)?.[1];
  if (text === undefined) throw new Error(`${folder} ships no licence`);
  return text;
}

/** All of them as one text for people. */
export function licencesText(licences: readonly Licence[]): string {
  return licences.map(({ work, text }) => `${work}\n\n${text}\n`).join(RULE);
}
