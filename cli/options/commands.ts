import type { ExitName } from './exit-codes.js';

/** What a shell can propose for a word: files, payloads of the host, or names that are known beforehand. */
export type Proposal = 'file' | 'loaded' | 'code' | 'danger' | 'verb';

/** What stands behind a command beside its options. */
export interface Words {
  /** What one is called in the help. */
  readonly name: string;
  readonly help: string;
  /** Fewer are wrong usage. */
  readonly min: number;
  readonly proposals: readonly (Proposal | { readonly text: string })[];
}

/** A command line that works, without the name of the program, and what it is for. */
export type Example = readonly [line: string, purpose: string];

/** A command as the parser, its help, the README and the completions need it. */
export interface CommandEntry {
  /** What follows its name, each a way to type it; empty where nothing has to. */
  readonly synopses: readonly string[];
  /** Null where it takes options only. */
  readonly words: Words | null;
  readonly about: string;
  readonly examples: readonly [Example, Example, ...Example[]];
  readonly exits: readonly ExitName[];
}

/** Exit codes of a command that looks at a host, and of one that changes it. */
const LOOKING = ['0', '1', '2', '64'] as const;
const CHANGING = [...LOOKING, '129, 130, 143'] as const;

/** What `store` does. */
export const STORE_ACTIONS = ['add', 'list', 'verify', 'remove', 'prune'] as const;

/** All commands by name, in the order of the help. */
export const COMMANDS = {
  inspect: {
    synopses: ['FILE…'],
    words: { name: 'FILE', help: 'Payloads and images', min: 1, proposals: ['file'] },
    about: 'What is in a payload or hypervisor image (xen-syms, xen.gz, xen.efi)',
    examples: [
      ['inspect hello.livepatch', 'Its functions, hooks, ids and sections'],
      ['inspect xen-syms --json', 'The same of an image, for a program'],
    ],
    exits: ['0', '1', '64'],
  },
  check: {
    synopses: ['[PATH…]', 'PATH… --image FILE', 'PATH… --build-id HEX'],
    words: {
      name: 'PATH',
      help: 'Payloads, directories with *.livepatch files below them, or patterns; without: all of the configuration',
      min: 0,
      proposals: ['file'],
    },
    about: 'Do these payloads form one valid chain, and will that hypervisor take each?',
    examples: [
      [
        'check patches/ --image xen-syms',
        'The verdict of that hypervisor on each payload of a folder',
      ],
      [
        'check patches/*.livepatch --image xen-syms --json',
        'The same for CI: exit code 3 is a rejection',
      ],
    ],
    exits: ['0', '1', '3', '64'],
  },
  rehearse: {
    synopses: ['PATH… --xen FILE --image FILE [--test FILE]…'],
    words: {
      name: 'PATH',
      help: 'Payloads, directories with *.livepatch files below them, or patterns',
      min: 1,
      proposals: ['file'],
    },
    about:
      'Check, then boot that very Xen in QEMU and try it: load, apply, test, revert, and compare with the verdicts',
    examples: [
      [
        'rehearse patches/ --xen xen.gz --image xen-syms',
        'Each payload of a folder on the Xen that it is for',
      ],
      [
        'rehearse patches/ --xen xen.gz --image xen-syms --test probe.sh --output junit=rehearsal.xml',
        'The same with a test that shows what each changes, for CI',
      ],
    ],
    exits: ['0', '1', '3', '64', '129, 130, 143'],
  },
  report: {
    synopses: ['[PATH…] --output FILE', 'PATH… --image FILE --output FILE'],
    words: { name: 'PATH', help: 'As check takes them', min: 0, proposals: ['file'] },
    about: 'Check, and write one page that shows all: the chain, the code, the hazards',
    examples: [
      ['report patches/ --image xen-syms -o report.html', 'The page of one hypervisor'],
      [
        'report patches/ --image xen-syms -o report.html --json',
        'The same, and a document that says what was written',
      ],
    ],
    exits: ['0', '1', '64'],
  },
  graph: {
    synopses: ['[PATH…]', 'PATH… --image FILE'],
    words: { name: 'PATH', help: 'As check takes them', min: 0, proposals: ['file'] },
    about: 'The chain as a picture, with the verdicts: SVG, or DOT for Graphviz',
    examples: [
      ['graph patches/ --image xen-syms --output chain.svg', 'A picture of a folder'],
      ['graph patches/ --image xen-syms --format dot', 'The same for Graphviz'],
    ],
    exits: ['0', '1', '64'],
  },
  diff: {
    synopses: ['A B', 'A [--host HOST]'],
    words: { name: 'A', help: 'A payload, or a folder of them', min: 1, proposals: ['file'] },
    about: 'In what two payloads or sets differ, or a chain and what a host has applied',
    examples: [
      ['diff hello.livepatch bye.livepatch', 'Ids, functions, code, symbols, metadata'],
      ['diff patches/ --host embedded:./try', 'Whether a host has what a folder says'],
    ],
    exits: ['0', '1', '2', '4', '64'],
  },
  init: {
    synopses: ['--image FILE --host embedded:DIR'],
    words: null,
    about: 'Create an embedded hypervisor from an image',
    examples: [
      ['init --image xen-syms --host embedded:./try', 'A hypervisor to try things on'],
      [
        'init --image xen-syms --host embedded:./try --xen 4.17.7 --yes',
        'Anew, with the rules of another patch level',
      ],
    ],
    exits: LOOKING,
  },
  list: {
    synopses: [],
    words: null,
    about: 'The stack, base at the bottom, and what is loaded beside it',
    examples: [
      ['list', 'The stack of the Xen of this dom0, or of XSPLICE_HOST'],
      ['list --host embedded:./try --verbose', 'That of an embedded hypervisor, with full ids'],
    ],
    exits: LOOKING,
  },
  plan: {
    synopses: ['PATH…', 'VERB …'],
    words: {
      name: 'WHAT',
      help: 'Payloads to apply; or apply, revert, replace, upload, unload or load, and what that takes',
      min: 1,
      proposals: ['verb', 'file'],
    },
    about: 'What a command would do, and why; without VERB: apply',
    examples: [
      ['plan patches/', 'What apply would do with a folder of payloads'],
      ['plan revert --to base', 'What it takes to have nothing applied'],
      ['plan patches/ --output patches.plan', 'Saves the plan, for apply --plan patches.plan'],
    ],
    exits: ['0', '1', '2', '4', '64'],
  },
  apply: {
    synopses: ['PATH…', 'NAME…', '--plan FILE'],
    words: {
      name: 'WHAT',
      help: 'Files and directories, or names of payloads that are uploaded',
      min: 1,
      proposals: ['file', 'loaded'],
    },
    about: 'Bring payloads onto the stack, in the right order, from any order',
    examples: [
      ['apply patches/ --dry-run', 'What would be done, and what Xen will answer'],
      ['apply hello.livepatch --confirm 60 --yes', 'Taken back after a minute, unless confirmed'],
      [
        'apply hello.livepatch bye.livepatch --yes',
        'Both, whichever is the first to be applied; nobody is asked',
      ],
      ['apply bye hello --yes', 'The same where both are uploaded'],
      ['apply --plan patches.plan --yes', 'What plan --output saved, of whatever verb'],
    ],
    exits: CHANGING,
  },
  revert: {
    synopses: ['[NAME]', '--to NAME|BUILD-ID|base', 'NAME --check old-code [FILE…]'],
    words: {
      name: 'WHAT',
      help: 'The NAME or BUILD-ID of the top; with --check old-code, of any payload, then the files of what is applied',
      min: 0,
      proposals: ['loaded', 'file'],
    },
    about:
      'Take off the top, or everything above; or one payload from anywhere, if those above are independent of it',
    examples: [
      ['revert --yes', 'Takes off the top'],
      ['revert hello --yes', 'The same, where hello is the top'],
      ['revert --to base --yes', 'Takes off all that is applied'],
      [
        'revert hello --check old-code hello.livepatch --yes',
        'Takes out one payload, wherever it is',
      ],
    ],
    exits: CHANGING,
  },
  replace: {
    synopses: ['FILE'],
    words: { name: 'FILE', help: 'One payload', min: 1, proposals: ['file'] },
    about: 'Leave only this (cumulative) payload applied, in one action of the hypervisor',
    examples: [
      ['replace replace.livepatch --dry-run', 'What would be reverted with it'],
      ['replace replace.livepatch --yes', 'Leaves only this one applied'],
    ],
    exits: CHANGING,
  },
  upload: {
    synopses: ['PATH…'],
    words: { name: 'PATH', help: 'Payloads or directories', min: 1, proposals: ['file'] },
    about: 'Load payloads without applying them',
    examples: [
      ['upload patches/ --yes', 'Loads a folder, and applies nothing'],
      ['upload hello.livepatch --yes --json', 'One payload, with a document about it'],
    ],
    exits: CHANGING,
  },
  unload: {
    synopses: ['NAME…'],
    words: { name: 'NAME', help: 'Names or build-ids', min: 1, proposals: ['loaded'] },
    about: 'Remove loaded payloads that are not applied',
    examples: [
      ['unload bye --dry-run', 'Whether it can be removed'],
      ['unload hello bye --yes', 'Removes both'],
    ],
    exits: CHANGING,
  },
  load: {
    synopses: ['FILE'],
    words: { name: 'FILE', help: 'One payload', min: 1, proposals: ['file'] },
    about: 'Upload and apply one payload, as xen-livepatch load does',
    examples: [
      ['load hello.livepatch --yes', 'Uploads and applies it'],
      ['load hello.livepatch --nodeps --yes', 'The same, with its parent not compared'],
    ],
    exits: CHANGING,
  },
  store: {
    synopses: ['add PATH…', 'list', 'verify', 'remove NAME…', 'prune'],
    words: {
      name: 'WHAT',
      help: 'add, list, verify, remove or prune; then files and folders, or names, build-ids or digests',
      min: 1,
      proposals: [...STORE_ACTIONS.map((text) => ({ text })), 'file'],
    },
    about: 'The payloads that a host keeps: verbs take them by name or build-id',
    examples: [
      ['store add patches/', 'Keeps the payloads of a folder'],
      ['store verify --json', 'Whether each is as it was added'],
      ['store remove bye --yes', 'Removes one; nobody is asked'],
    ],
    exits: ['0', '1', '2', '64'],
  },
  history: {
    synopses: ['', 'show NUMBER'],
    words: {
      name: 'WHAT',
      help: 'show and the number of a change: all of it; without: a line for each',
      min: 0,
      proposals: [{ text: 'show' }],
    },
    about: 'What was changed on a host: when, by whom, and what came of it',
    examples: [
      ['history', 'All changes that the host remembers'],
      ['history show 1 --json', 'Each step of one, with what Xen answered and printed'],
    ],
    exits: LOOKING,
  },
  undo: {
    synopses: [],
    words: null,
    about: 'Take back the last change; undone again, it is there again',
    examples: [
      ['undo --dry-run', 'The way back'],
      ['undo --yes', 'Goes it'],
    ],
    exits: CHANGING,
  },
  confirm: {
    synopses: [],
    words: null,
    about: 'Keep what was changed with --confirm: it is not taken back then',
    examples: [
      ['confirm', 'Keeps it'],
      ['confirm --json', 'The same, for a program'],
    ],
    exits: LOOKING,
  },
  recover: {
    synopses: ['[--back]'],
    words: null,
    about: 'Complete a change that was killed in the middle, or take it back',
    examples: [
      ['recover --dry-run', 'What is missing'],
      ['recover --back --yes', 'Has loaded and applied again what was before'],
    ],
    exits: CHANGING,
  },
  clean: {
    synopses: [],
    words: null,
    about: 'Unload what changes that failed or were killed have left',
    examples: [
      ['clean --dry-run', 'What is left over'],
      ['clean --yes', 'Unloads it'],
    ],
    exits: CHANGING,
  },
  status: {
    synopses: [],
    words: null,
    about: 'Is the host as it was saved, and what is left over? One screen, and one exit code',
    examples: [
      ['status', 'What runs, what is missing, what a boot would lose'],
      ['status --format prometheus', "The same for node_exporter's textfile collector"],
    ],
    exits: ['0', '1', '2', '4', '64'],
  },
  save: {
    synopses: [],
    words: null,
    about: 'Keep the stack of now, as what is wanted after each boot of this hypervisor',
    examples: [
      ['save', 'What is applied now is what restore applies'],
      ['save --host embedded:./try --json', 'The same of an embedded hypervisor, for a program'],
    ],
    exits: LOOKING,
  },
  restore: {
    synopses: [],
    words: null,
    about: 'Apply what is missing of the saved stack, and ask nothing: a boot runs it',
    examples: [
      ['restore --dry-run', 'What a boot would apply'],
      ['restore', 'Applies it'],
    ],
    exits: ['0', '1', '2', '4', '64', '129, 130, 143'],
  },
  which: {
    synopses: ['NAME|ADDRESS…', 'NAME|ADDRESS… --image FILE [--on PAYLOAD]…'],
    words: {
      name: 'NAME',
      help: 'Symbols, or addresses as 0x… or 16 digits',
      min: 1,
      proposals: [],
    },
    about: 'Whose code it is, what the code of the function was, and which runs now',
    examples: [
      ['which xen_extra_version', 'Which code of a function runs'],
      [
        'which xen_extra_version --image xen-syms --on hello.livepatch',
        'Which would run with a payload applied',
      ],
    ],
    exits: LOOKING,
  },
  record: {
    synopses: ['FILE --image FILE [--on PAYLOAD]… --output FILE'],
    words: { name: 'FILE', help: 'One payload', min: 1, proposals: ['file'] },
    about: 'Write into a payload what code it is made against, for --check old-code',
    examples: [
      ['record hello.livepatch --image xen-syms --output recorded.livepatch', 'Writes a new file'],
      [
        'record bye.livepatch --image xen-syms --on hello.livepatch --yes',
        'Changes a payload that is applied on another',
      ],
    ],
    exits: ['0', '1', '64'],
  },
  sign: {
    synopses: ['FILE… --key FILE'],
    words: { name: 'FILE', help: 'Payloads or directories', min: 1, proposals: ['file'] },
    about:
      'Write a signature beside each payload: .minisig of minisign, .sig of signify or Ed25519',
    examples: [
      ['sign hello.livepatch --key release.key', 'Writes its signature beside it'],
      ['sign patches/ --key release.pem --yes', 'Signs a folder anew, with a key of openssl'],
    ],
    exits: ['0', '1', '64'],
  },
  'verify-signature': {
    synopses: ['PATH… --trusted-key FILE', 'PATH…'],
    words: { name: 'PATH', help: 'Payloads or directories', min: 1, proposals: ['file'] },
    about:
      'Are these payloads signed by a trusted key? Without --trusted-key: by one of the policy',
    examples: [
      ['verify-signature patches/ --trusted-key release.pub', 'Each payload of a folder'],
      [
        'verify-signature hello.livepatch --policy policy.json --json',
        'By the keys of a policy, for a program',
      ],
    ],
    exits: ['0', '1', '3', '64'],
  },
  lockstep: {
    synopses: ['HOST [MODULE…]', '--running', '--root DIR'],
    words: {
      name: 'WHAT',
      help: 'A program, a library, pid:N or a hypervisor image; then modules or folders (default: its own)',
      min: 0,
      proposals: ['file'],
    },
    about:
      'Will this QEMU, nbdkit, program or hypervisor take these modules? Also all that runs here, or a whole tree',
    examples: [
      ['lockstep --running', 'What runs here, with the modules that are on disk now'],
      ['lockstep xen-syms patches/', 'Payloads of a folder for a hypervisor, as check says'],
      ['lockstep --root ./image --json', 'A whole tree of files, for CI'],
    ],
    exits: ['0', '1', '3', '64'],
  },
  agent: {
    synopses: ['--print'],
    words: null,
    about:
      'The agent that makes hypercalls on other hosts, to be installed there for command= in authorized_keys',
    examples: [
      ['agent --print', 'Its source: Python, and in it all that it may do'],
      ['agent --print --output xsplice-agent.py', 'The same into a file'],
    ],
    exits: ['0', '64'],
  },
  explain: {
    synopses: ['[CODE…]'],
    words: {
      name: 'CODE',
      help: 'Codes as they stand in brackets behind a message, or stages',
      min: 0,
      proposals: ['code'],
    },
    about:
      'What a code in a message means, where Xen checks it, since when, how to mend it; alone: all of them',
    examples: [
      ['explain fork', 'What a code means'],
      ['explain', 'All codes, a line each'],
    ],
    exits: ['0', '64'],
  },
} as const satisfies Readonly<Record<string, CommandEntry>>;

export type CommandName = keyof typeof COMMANDS;

/** All names, in the order of the help. */
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

/** Not for people, and in no help: what shells ask for payloads that are loaded. */
export const LOADED = '__loaded';
/** Not for people either: waits for a change to be confirmed, and else takes it back. */
export const TAKE_BACK = '__take-back';
export const HIDDEN = [LOADED, TAKE_BACK] as const;
export type HiddenName = (typeof HIDDEN)[number];

/** The verbs that change a hypervisor, as `plan` names them too. */
export const CHANGE_VERBS = ['apply', 'revert', 'replace', 'upload', 'unload', 'load'] as const;
export type ChangeVerb = (typeof CHANGE_VERBS)[number];
