import type { Argv } from 'yargs';
import { CHECKS } from './checks.js';
import type { Session } from './session.js';
import type { Positional } from './settings.js';

/** A command's code, which is loaded only when it is the one that was typed. */
export interface CommandModule {
  /** Does it, and returns the exit code. */
  run(session: Session): Promise<number>;
}

/** A command as the parser needs it. */
export interface CommandEntry {
  /** In yargs' form; positional arguments have the names of settings.ts. */
  readonly usage: string;
  readonly describe: string;
  readonly options: (parser: Argv) => Argv;
  readonly load: () => Promise<CommandModule>;
}

function texts(parser: Argv, name: Positional, describe: string): Argv {
  return parser.positional(name, { describe, type: 'string', array: true });
}

function common(parser: Argv): Argv {
  return parser
    .option('json', { type: 'boolean', describe: 'One JSON document on standard output' })
    .option('quiet', { type: 'boolean', describe: 'Say only what is wrong' })
    .option('verbose', { type: 'boolean', describe: 'Say everything: full ids, each step, log' })
    .option('explain', {
      type: 'boolean',
      describe: 'With each finding: what Xen checks there, since when, how to mend it',
    })
    .option('color', { type: 'boolean', describe: 'Colour; --no-color for none', default: true });
}

function host(parser: Argv): Argv {
  return common(parser).option('host', {
    type: 'string',
    describe: 'xen, or embedded:DIR (default: XSPLICE_HOST, else the xen of this dom0)',
  });
}

function release(parser: Argv): Argv {
  return parser.option('xen', {
    type: 'string',
    describe: 'The release of Xen whose rules count, e.g. 4.17.7 (default: what the image says)',
  });
}

function check(parser: Argv): Argv {
  return parser.option('check', {
    choices: CHECKS,
    default: 'build-id',
    describe:
      'What has to fit before a payload is applied: its parent, the code it was made against',
  });
}

function guard(parser: Argv): Argv {
  return check(parser).option('nodeps', {
    type: 'boolean',
    describe: 'Have Xen not compare parents (NODEPS)',
  });
}

function on(parser: Argv): Argv {
  return parser.option('on', {
    type: 'string',
    array: true,
    describe: 'Payloads that are applied on the image, in this order',
  });
}

function bootImage(parser: Argv): Argv {
  return release(parser).option('image', {
    type: 'string',
    describe: 'The image that the running Xen was booted from, to verify a plan with',
  });
}

function changing(parser: Argv): Argv {
  return bootImage(host(parser))
    .option('dry-run', { type: 'boolean', describe: 'Show and verify the plan, change nothing' })
    .option('yes', { type: 'boolean', alias: 'y', describe: 'Do not ask' })
    .option('timeout', {
      type: 'string',
      describe: 'Milliseconds for all CPUs to meet in one action (default: 30)',
    })
    .option('keep-going', {
      type: 'boolean',
      describe: 'Leave what was done when a step fails, instead of taking it back',
    });
}

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    usage: 'inspect <FILE..>',
    describe: 'What is in a payload or hypervisor image',
    options: (parser) => common(texts(parser, 'FILE', 'Payloads and images')),
    load: () => import('./commands/inspect.js'),
  },
  {
    usage: 'check <PATH..>',
    describe: 'Do these payloads form one valid chain on that hypervisor?',
    options: (parser) =>
      check(release(common(texts(parser, 'PATH', 'Payloads, or directories of *.livepatch files'))))
        .option('image', { type: 'string', describe: 'The hypervisor: xen-syms, xen.gz, xen.efi' })
        .option('build-id', {
          type: 'string',
          describe: 'Only its id: then only the chain is checked',
        })
        .conflicts('image', 'build-id'),
    load: () => import('./commands/check.js'),
  },
  {
    usage: 'init',
    describe: 'Create an embedded hypervisor from an image',
    options: (parser) =>
      release(host(parser))
        .option('image', { type: 'string', describe: 'xen-syms', demandOption: true })
        .option('yes', { type: 'boolean', alias: 'y', describe: 'Replace the one that is there' }),
    load: () => import('./commands/init.js'),
  },
  {
    usage: 'list',
    describe: 'The stack, base at the bottom',
    options: host,
    load: () => import('./commands/list.js'),
  },
  {
    usage: 'plan <WHAT..>',
    describe: 'What apply would do; or: plan apply|revert|replace|upload|unload|load …',
    options: (parser) =>
      guard(
        bootImage(
          host(texts(parser, 'WHAT', 'Payloads to apply, or one of these verbs and what it takes')),
        ),
      ).option('to', { type: 'string', describe: 'Of plan revert: NAME, BUILD-ID or base' }),
    load: () => import('./commands/plan.js'),
  },
  {
    usage: 'apply <WHAT..>',
    describe: 'Upload and apply payloads, in the right order; or apply an uploaded one by name',
    options: (parser) => guard(changing(texts(parser, 'WHAT', 'Files, directories, or one NAME'))),
    load: () => import('./commands/change.js'),
  },
  {
    usage: 'revert [WHAT..]',
    describe:
      'Revert the top of the stack; --to: everything above it; --check old-code NAME: only it',
    options: (parser) =>
      check(
        changing(
          texts(parser, 'WHAT', 'With --check old-code: one NAME or BUILD-ID, then its files'),
        ),
      ).option('to', {
        type: 'string',
        describe: 'What is to be on top: NAME, BUILD-ID, or base for the hypervisor',
      }),
    load: () => import('./commands/change.js'),
  },
  {
    usage: 'replace <FILE..>',
    describe: 'Leave only this payload applied, in one go',
    options: (parser) => check(changing(texts(parser, 'FILE', 'One payload'))),
    load: () => import('./commands/change.js'),
  },
  {
    usage: 'upload <PATH..>',
    describe: 'Load payloads without applying them',
    options: (parser) => changing(texts(parser, 'PATH', 'Payloads or directories')),
    load: () => import('./commands/change.js'),
  },
  {
    usage: 'unload <NAME..>',
    describe: 'Remove loaded payloads that are not applied',
    options: (parser) => changing(texts(parser, 'NAME', 'Names or build-ids')),
    load: () => import('./commands/change.js'),
  },
  {
    usage: 'load <FILE..>',
    describe: 'Upload and apply one payload, as xen-livepatch load does',
    options: (parser) => guard(changing(texts(parser, 'FILE', 'One payload'))),
    load: () => import('./commands/change.js'),
  },
  {
    usage: 'which <NAME..>',
    describe: 'What code a function, or the one at an address, has now, and whose it is',
    options: (parser) =>
      on(release(host(texts(parser, 'NAME', 'Symbols, or addresses as 0x… or 16 digits')))).option(
        'image',
        { type: 'string', describe: 'Ask about this image and --on, not about a host' },
      ),
    load: () => import('./commands/which.js'),
  },
  {
    usage: 'record <FILE..>',
    describe: 'Write into a payload what code it is made against, for --check old-code',
    options: (parser) =>
      on(release(common(texts(parser, 'FILE', 'One payload'))))
        .option('image', { type: 'string', describe: 'xen-syms', demandOption: true })
        .option('expect', {
          type: 'boolean',
          describe: "Fill in Xen's own expectations too: the hypervisor then compares at apply",
        })
        .option('output', { type: 'string', alias: 'o', describe: 'File to write' })
        .option('yes', {
          type: 'boolean',
          alias: 'y',
          describe: 'Replace a file that is there: --output, or without it the payload itself',
        }),
    load: () => import('./commands/record.js'),
  },
  {
    usage: 'lockstep [WHAT..]',
    describe: 'HOST MODULE…: will this QEMU, nbdkit, program or hypervisor take these modules?',
    options: (parser) =>
      release(
        common(
          texts(parser, 'WHAT', 'A program, a library, pid:N or an image; then files or folders'),
        ),
      )
        .option('running', {
          type: 'boolean',
          describe: 'All that runs here, with what is on disk',
        })
        .option('root', { type: 'string', describe: 'A whole tree of files; or where WHAT is' })
        .option('as', {
          choices: ['qemu', 'nbdkit', 'linked', 'xen'],
          describe: 'What HOST is, where the file does not tell',
        }),
    load: () => import('./commands/lockstep.js'),
  },
  {
    usage: 'explain [CODE..]',
    describe: 'What a finding, an error or a stage of Xen means; without CODE: all of them',
    options: (parser) =>
      common(texts(parser, 'CODE', 'Codes as they stand in brackets behind a message, or stages')),
    load: () => import('./commands/explain.js'),
  },
];
