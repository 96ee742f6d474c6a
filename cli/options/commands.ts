/** What stands behind a command beside its options. */
export interface Words {
  /** What one is called in the help. */
  readonly name: string;
  readonly help: string;
  /** Fewer are wrong usage. */
  readonly min: number;
}

/** A command as the parser, its help, the README and the completions need it. */
export interface CommandEntry {
  /** What follows its name, each a way to type it; empty where nothing has to. */
  readonly synopses: readonly string[];
  /** Null where it takes options only. */
  readonly words: Words | null;
  readonly about: string;
}

/** All commands by name, in the order of the help. */
export const COMMANDS = {
  inspect: {
    synopses: ['FILE…'],
    words: { name: 'FILE', help: 'Payloads and images', min: 1 },
    about: 'What is in a payload or hypervisor image (xen-syms, xen.gz, xen.efi)',
  },
  check: {
    synopses: ['[PATH…]', 'PATH… --image FILE', 'PATH… --build-id HEX'],
    words: {
      name: 'PATH',
      help: 'Payloads, directories with *.livepatch files below them, or patterns; without: all of the configuration',
      min: 0,
    },
    about: 'Do these payloads form one valid chain, and will that hypervisor take each?',
  },
  report: {
    synopses: ['[PATH…] --output FILE', 'PATH… --image FILE --output FILE'],
    words: { name: 'PATH', help: 'As check takes them', min: 0 },
    about: 'Check, and write one page that shows all: the chain, the code, the hazards',
  },
  graph: {
    synopses: ['[PATH…]', 'PATH… --image FILE'],
    words: { name: 'PATH', help: 'As check takes them', min: 0 },
    about: 'The chain as a picture, with the verdicts: SVG, or DOT for Graphviz',
  },
  init: {
    synopses: ['--image FILE --host embedded:DIR'],
    words: null,
    about: 'Create an embedded hypervisor from an image',
  },
  list: {
    synopses: [],
    words: null,
    about: 'The stack, base at the bottom, and what is loaded beside it',
  },
  plan: {
    synopses: ['PATH…', 'VERB …'],
    words: {
      name: 'WHAT',
      help: 'Payloads to apply; or apply, revert, replace, upload, unload or load, and what that takes',
      min: 1,
    },
    about: 'What a command would do, and why; without VERB: apply',
  },
  apply: {
    synopses: ['PATH…', 'NAME…'],
    words: {
      name: 'WHAT',
      help: 'Files and directories, or names of payloads that are uploaded',
      min: 1,
    },
    about: 'Bring payloads onto the stack, in the right order, from any order',
  },
  revert: {
    synopses: ['[--to NAME|BUILD-ID|base]', 'NAME --check old-code [FILE…]'],
    words: {
      name: 'WHAT',
      help: 'With --check old-code: one NAME or BUILD-ID, then the files of what is applied',
      min: 0,
    },
    about:
      'Take off the top, or everything above; or one payload from anywhere, if those above are independent of it',
  },
  replace: {
    synopses: ['FILE'],
    words: { name: 'FILE', help: 'One payload', min: 1 },
    about: 'Leave only this (cumulative) payload applied, in one action of the hypervisor',
  },
  upload: {
    synopses: ['PATH…'],
    words: { name: 'PATH', help: 'Payloads or directories', min: 1 },
    about: 'Load payloads without applying them',
  },
  unload: {
    synopses: ['NAME…'],
    words: { name: 'NAME', help: 'Names or build-ids', min: 1 },
    about: 'Remove loaded payloads that are not applied',
  },
  load: {
    synopses: ['FILE'],
    words: { name: 'FILE', help: 'One payload', min: 1 },
    about: 'Upload and apply one payload, as xen-livepatch load does',
  },
  which: {
    synopses: ['NAME|ADDRESS…', 'NAME|ADDRESS… --image FILE [--on PAYLOAD]…'],
    words: { name: 'NAME', help: 'Symbols, or addresses as 0x… or 16 digits', min: 1 },
    about: 'Whose code it is, what the code of the function was, and which runs now',
  },
  record: {
    synopses: ['FILE --image FILE [--on PAYLOAD]… --output FILE'],
    words: { name: 'FILE', help: 'One payload', min: 1 },
    about: 'Write into a payload what code it is made against, for --check old-code',
  },
  explain: {
    synopses: ['[CODE…]'],
    words: {
      name: 'CODE',
      help: 'Codes as they stand in brackets behind a message, or stages',
      min: 0,
    },
    about:
      'What a code in a message means, where Xen checks it, since when, how to mend it; alone: all of them',
  },
} as const satisfies Readonly<Record<string, CommandEntry>>;

export type CommandName = keyof typeof COMMANDS;

/** All names, in the order of the help. */
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

/** The verbs that change a hypervisor, as `plan` names them too. */
export const CHANGE_VERBS = ['apply', 'revert', 'replace', 'upload', 'unload', 'load'] as const;
export type ChangeVerb = (typeof CHANGE_VERBS)[number];
