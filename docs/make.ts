/** Writes what is made of data and kept in the repository: npm run docs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMAND_NAMES } from '../cli/options/commands.js';
import {
  configSchema,
  documentSchema,
  policySchema,
  savedPlanSchema,
} from '../cli/schemas/documents.js';
import {
  commandTable,
  examplesOfCommands,
  exitsOfCommands,
  exitTable,
  optionTable,
} from './make-commands.js';
import { bashCompletion, zshCompletion } from './make-completions.js';
import { findingsDocument } from './make-findings.js';
import { manualPage } from './make-man.js';
import { screenPicture } from './make-picture.js';

/** A file by its path in the repository, with the content that it is to have. */
export interface MadeFile {
  readonly path: string;
  readonly text: string;
}

/** All files that are made, or made in part. `root` is the repository's folder. */
export function madeFiles(root: string): readonly MadeFile[] {
  return [
    { path: 'completions/xsplice-ts.bash', text: bashCompletion(root) },
    { path: 'completions/_xsplice-ts', text: zshCompletion(root) },
    { path: 'docs/man/xsplice-ts.8', text: manualPage() },
    ...schemaFiles(),
    { path: 'docs/findings.md', text: findingsDocument() },
    partly(root, 'README.md', { commands: commandTable(), 'exit codes': exitTable() }),
    partly(root, 'docs/commands.md', {
      options: optionTable(),
      'exit codes': exitTable(),
      'exit codes of commands': exitsOfCommands(),
      examples: examplesOfCommands(),
    }),
    { path: 'docs/screen.svg', text: screenPicture(root) },
  ];
}

/** What programs and editors check documents, the configuration and saved plans with. */
function schemaFiles(): readonly MadeFile[] {
  const schemas = [
    ['config', configSchema()] as const,
    ['policy', policySchema()] as const,
    ['saved-plan', savedPlanSchema()] as const,
    ...COMMAND_NAMES.map((name) => [name, documentSchema(name)] as const),
  ];
  return schemas.flatMap(([name, schema]) =>
    schema === null
      ? []
      : [{ path: `schema/${name}.json`, text: `${JSON.stringify(schema, null, 1)}\n` }],
  );
}

/** A file of which the parts between two marks each are made. Throws where the marks are not there. */
function partly(root: string, path: string, parts: Readonly<Record<string, string>>): MadeFile {
  let text = readFileSync(join(root, path), 'utf8');
  for (const [name, made] of Object.entries(parts)) {
    const [before, after] = [`<!-- ${name}: made by npm run docs -->`, `<!-- ${name} end -->`];
    const [start, end] = [text.indexOf(before), text.indexOf(after)];
    if (start < 0 || end < start) throw new Error(`${path} lacks ${before} or ${after}`);
    text = `${text.slice(0, start)}${before}\n${made}\n${text.slice(end)}`;
  }
  return { path, text };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  for (const folder of ['schema', 'docs/api']) mkdirSync(join(root, folder), { recursive: true });
  const { apiReports } = await import('./make-api.js');
  for (const { path, text } of [...madeFiles(root), ...apiReports(root)]) {
    writeFileSync(join(root, path), text);
  }
}
