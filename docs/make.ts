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
import { commandTables, exitTable } from './make-commands.js';
import { bashCompletion, zshCompletion } from './make-completions.js';
import { findingsDocument } from './make-findings.js';
import { manualPage } from './make-man.js';

/** A file by its path in the repository, with the content that it is to have. */
export interface MadeFile {
  readonly path: string;
  readonly text: string;
}

/** All files that are made, or made in part. `root` is the repository's folder. */
export function madeFiles(root: string): readonly MadeFile[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const withTables = between(readme, 'commands', commandTables());
  return [
    { path: 'completions/xsplice-ts.bash', text: bashCompletion(root) },
    { path: 'completions/_xsplice-ts', text: zshCompletion(root) },
    { path: 'docs/man/xsplice-ts.8', text: manualPage() },
    ...schemaFiles(),
    { path: 'docs/findings.md', text: findingsDocument() },
    { path: 'README.md', text: between(withTables, 'exit codes', exitTable()) },
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

/** The text with this between the two marks of this name. Throws where they are not there. */
function between(text: string, name: string, made: string): string {
  const [before, after] = [`<!-- ${name}: made by npm run docs -->`, `<!-- ${name} end -->`];
  const [start, end] = [text.indexOf(before), text.indexOf(after)];
  if (start < 0 || end < start) throw new Error(`README.md lacks ${before} or ${after}`);
  return `${text.slice(0, start)}${before}\n${made}\n${text.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  mkdirSync(join(root, 'schema'), { recursive: true });
  for (const { path, text } of madeFiles(root)) writeFileSync(join(root, path), text);
}
