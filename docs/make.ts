/** Writes what is made of data and kept in the repository: npm run docs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandTables } from './make-commands.js';
import { findingsDocument } from './make-findings.js';

/** A file by its path in the repository, with the content that it is to have. */
export interface MadeFile {
  readonly path: string;
  readonly text: string;
}

const START = '<!-- commands: made by npm run docs -->';
const END = '<!-- commands end -->';

/** All files that are made, or made in part. `root` is the repository's folder. */
export function madeFiles(root: string): readonly MadeFile[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  return [
    { path: 'docs/findings.md', text: findingsDocument() },
    { path: 'README.md', text: between(readme, commandTables()) },
  ];
}

/** The text with this between its two marks. Throws where they are not there. */
function between(text: string, made: string): string {
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`README.md lacks ${START} or ${END}`);
  return `${text.slice(0, start)}${START}\n${made}\n${text.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  for (const { path, text } of madeFiles(root)) writeFileSync(join(root, path), text);
}
