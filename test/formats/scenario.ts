import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_NAMES, type CommandName } from '../../cli/options/commands.js';
import { DEMO_IMAGE, demo, runCli } from '../support/cli.js';

/** One command of the scenario, whose document is kept as a golden. */
interface Command {
  /** Of the golden's file. */
  readonly name: string;
  readonly words: readonly string[];
}

/** A document and what it was made by. */
export interface MadeDocument {
  readonly name: string;
  readonly document: unknown;
  readonly command: CommandName;
}

/** Every verb that writes a document, in one run on one embedded hypervisor. */
function commands(folder: string): readonly Command[] {
  const host = ['--host', `embedded:${join(folder, 'host')}`];
  const image = ['--image', DEMO_IMAGE];
  const [hello, bye] = [demo('hello'), demo('bye')];
  return [
    { name: 'init', words: ['init', ...image, ...host] },
    { name: 'list-empty', words: ['list', ...host] },
    { name: 'plan', words: ['plan', hello, bye, ...host] },
    { name: 'apply', words: ['apply', bye, hello, '--yes', ...host] },
    { name: 'apply-nothing-to-do', words: ['apply', hello, bye, '--yes', ...host] },
    { name: 'apply-refused', words: ['apply', demo('too-small'), '--yes', ...host] },
    { name: 'list', words: ['list', ...host] },
    { name: 'which', words: ['which', 'xen_extra_version', ...host] },
    { name: 'revert', words: ['revert', '--to', 'hello', '--yes', ...host] },
    { name: 'unload', words: ['unload', 'bye', '--yes', ...host] },
    { name: 'upload', words: ['upload', bye, '--yes', ...host] },
    { name: 'replace', words: ['replace', demo('replace'), '--yes', ...host] },
    { name: 'revert-base', words: ['revert', '--to', 'base', '--yes', ...host] },
    { name: 'load', words: ['load', demo('independent-a'), '--yes', ...host] },
    {
      name: 'apply-old-code',
      words: ['apply', demo('independent-b'), '--check', 'old-code', '--yes', ...host],
    },
    { name: 'store-add', words: ['store', 'add', bye, ...host] },
    { name: 'history', words: ['history', ...host] },
    { name: 'undo', words: ['undo', '--yes', ...host] },
    { name: 'recover-nothing', words: ['recover', '--yes', ...host] },
    { name: 'save', words: ['save', ...host] },
    { name: 'restore-nothing', words: ['restore', ...host] },
    { name: 'status', words: ['status', ...host] },
    { name: 'clean-nothing', words: ['clean', '--yes', ...host] },
    { name: 'store-list', words: ['store', 'list', ...host] },
    { name: 'check', words: ['check', hello, bye, ...image] },
    { name: 'check-rejected', words: ['check', hello, demo('too-small'), ...image, '--explain'] },
    { name: 'check-old-code', words: ['check', hello, ...image, '--check', 'old-code'] },
    { name: 'report', words: ['report', hello, bye, ...image, '-o', join(folder, 'page.html')] },
    { name: 'diff', words: ['diff', hello, bye] },
    { name: 'diff-host', words: ['diff', demo('independent-b'), ...host] },
    { name: 'plan-saved', words: ['plan', 'revert', '-o', join(folder, 'saved.plan'), ...host] },
    { name: 'lockstep', words: ['lockstep', DEMO_IMAGE, hello, demo('too-small')] },
    { name: 'lockstep-nothing', words: ['lockstep', '--root', folder] },
    { name: 'inspect-payload', words: ['inspect', hello] },
    { name: 'inspect-image', words: ['inspect', DEMO_IMAGE] },
    {
      name: 'record',
      words: ['record', hello, ...image, '--output', join(folder, 'recorded.livepatch')],
    },
    {
      name: 'replace-confirm',
      words: ['replace', demo('replace'), '--confirm', '600', '--yes', ...host],
    },
    { name: 'confirm', words: ['confirm', ...host] },
    { name: 'usage', words: ['apply', '--yes', '--timeout', '0', hello, ...host] },
    { name: 'no-host', words: ['list', '--host', `embedded:${join(folder, 'nowhere')}`] },
  ];
}

/** Runs the scenario below a folder of its own; each document in order. */
export async function makeDocuments(folder: string): Promise<readonly MadeDocument[]> {
  mkdirSync(folder, { recursive: true });
  const made: MadeDocument[] = [];
  for (const { name, words } of commands(folder)) {
    const { stdout } = await runCli([...words, '--json']);
    const command = COMMAND_NAMES.find((known) => known === words[0]);
    if (command === undefined) throw new Error(`${words[0]} is no command`);
    made.push({ name, document: JSON.parse(stdout), command });
  }
  return made;
}
