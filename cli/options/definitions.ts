import { CHANGE_VERBS, COMMAND_NAMES, type CommandName, type Proposal } from './commands.js';

/** One option, for whatever wants to know about it: the parser, settings, help, README. */
export interface OptionDefinition {
  /** One letter, typed behind a single dash. */
  readonly alias?: string;
  /** What its value is called in the help; without it, it is a flag. */
  readonly value?: string;
  /** Where it is called something else. */
  readonly valueIn?: Readonly<Partial<Record<CommandName, string>>>;
  /** The only values that it takes; the first is the default. */
  readonly choices?: readonly [string, ...string[]];
  /** It may be given again, a value each time. */
  readonly isMany?: true;
  /** What a shell can propose for its value, beside its choices; texts are proposed as they are. */
  readonly proposals?: readonly (Proposal | { readonly text: string })[];
  readonly help: string;
  /** Where the help is another one. */
  readonly helpOf?: Readonly<Partial<Record<CommandName, string>>>;
  /** The commands that take it; all others refuse it. */
  readonly commands: readonly CommandName[];
}

/** Those that change a hypervisor as the journal has it. */
const BY_JOURNAL = ['undo', 'recover', 'clean'] as const;
/** The same, and those that ask nothing. */
const REMEMBERED = [...BY_JOURNAL, 'restore'] as const;
const HOST = [
  ...[...CHANGE_VERBS, ...REMEMBERED],
  ...(['diff', 'history', 'confirm', 'save', 'status', 'init', 'list'] as const),
  ...(['plan', 'store', 'which'] as const),
] as const;
/** Those that use what a host remembers. */
const REMEMBERING = [
  ...CHANGE_VERBS,
  ...REMEMBERED,
  ...(['history', 'confirm', 'save', 'status', 'list', 'plan', 'store'] as const),
] as const;
/** Those that check payloads. */
const CHECKING = ['check', 'report', 'graph'] as const;
/** Those that carry a payload's actions out on a hypervisor. An upload and an unload stop no CPU. */
const ACTING = ['apply', 'revert', 'replace', 'load', 'undo', 'recover', 'restore'] as const;

/** All options by name, in the order of the help. */
export const OPTIONS = {
  host: {
    value: 'HOST',
    proposals: [{ text: 'xen' }, { text: 'embedded:' }, { text: 'ssh://' }, { text: 'exec:' }],
    help: 'xen, embedded:DIR, ssh://[USER@]HOST[:PORT] or exec:COMMAND (default: XSPLICE_HOST, else the Xen of this dom0)',
    commands: HOST,
  },
  store: {
    value: 'DIR',
    proposals: ['file'],
    help: "Where payloads are kept (default: XSPLICE_STORE, else the host's own folder)",
    commands: REMEMBERING,
  },
  'no-store': {
    help: 'Keep no copy of the payloads: undo and save then lack them',
    commands: ['apply', 'replace', 'upload', 'load'],
  },
  image: {
    value: 'FILE',
    proposals: ['file'],
    help: 'The image that the hypervisor was booted from, to verify a plan with',
    helpOf: {
      check: 'The hypervisor: xen-syms, xen.gz or xen.efi',
      rehearse: 'Its symbols: xen-syms',
      init: 'The hypervisor: xen-syms',
      record: 'The hypervisor: xen-syms',
      which: 'Ask about this image and --on; with --host, the image of that host',
    },
    commands: [
      ...([...CHECKING, 'rehearse', 'init', 'plan', ...CHANGE_VERBS, ...REMEMBERED] as const),
      ...(['which', 'record'] as const),
    ],
  },
  kernel: {
    value: 'FILE',
    proposals: ['file'],
    help: "The kernel of the dom0, with its modules in ../lib/modules or /lib/modules (default: Debian's)",
    commands: ['rehearse'],
  },
  test: {
    value: 'FILE',
    proposals: ['file'],
    isMany: true,
    help: 'A script that runs in dom0 before, with and after each payload: exit status and output are compared; may be repeated',
    commands: ['rehearse'],
  },
  'test-timeout': {
    value: 'SECONDS',
    help: 'Seconds for one run of a test (default: 60)',
    commands: ['rehearse'],
  },
  fatal: {
    help: 'Try payloads too whose verdict is fatal, each on a hypervisor of its own',
    commands: ['rehearse'],
  },
  accel: {
    choices: ['auto', 'kvm', 'tcg'],
    help: 'What QEMU runs by: KVM where it works (the default), KVM, or its own translator',
    commands: ['rehearse'],
  },
  'build-id': {
    value: 'HEX',
    help: "Only the hypervisor's id: then only the chain is checked; with --xen, all that needs no image",
    commands: CHECKING,
  },
  on: {
    value: 'PAYLOAD',
    proposals: ['file'],
    isMany: true,
    help: 'A payload that is applied on the image; repeated, in the order of application',
    commands: ['which', 'record'],
  },
  xen: {
    value: 'RELEASE',
    valueIn: { rehearse: 'FILE' },
    help: 'The release of Xen whose rules count, e.g. 4.17.7 (default: what the image or Xen says)',
    helpOf: {
      rehearse: 'The hypervisor that is booted: the xen.gz beside the xen-syms of --image',
    },
    commands: [
      ...([...CHECKING, 'init', 'plan', ...CHANGE_VERBS, ...REMEMBERED] as const),
      ...(['rehearse', 'which', 'record', 'lockstep'] as const),
    ],
  },
  check: {
    choices: ['build-id', 'old-code', 'both'],
    help: 'What has to fit before a payload is applied: its parent (the default), or the code it was made against',
    helpOf: { revert: 'With NAME: old-code or both; what those above have to be independent in' },
    commands: [...CHECKING, 'plan', 'apply', 'revert', 'replace', 'load'],
  },
  mode: {
    choices: ['chain', 'alternatives', 'independent'],
    help: 'What several payloads are: layers (the default), alternatives of which one is used alone with replace, or independent (--check old-code)',
    helpOf: {
      rehearse:
        'Layers, each applied on those before (the default), or alternatives: each used alone, with replace',
    },
    commands: [...CHECKING, 'rehearse', 'plan', 'apply'],
  },
  nodeps: {
    help: 'Have Xen not compare parents (NODEPS)',
    commands: ['plan', 'apply', 'load'],
  },
  to: {
    value: 'TARGET',
    proposals: [{ text: 'base' }, 'loaded'],
    help: 'What is to be on top: NAME, BUILD-ID, or base for the hypervisor',
    commands: ['plan', 'revert'],
  },
  accept: {
    value: 'CODE[=NAME]',
    proposals: ['danger'],
    isMany: true,
    help: 'Let a danger pass: CODE, or CODE=NAME where several payloads have it; may be repeated',
    commands: ['plan', ...CHANGE_VERBS, ...REMEMBERED],
  },
  policy: {
    value: 'FILE',
    proposals: ['file'],
    help: 'A policy that holds beside that of this machine, /etc/xsplice-ts/policy.json',
    commands: ['plan', ...CHANGE_VERBS, ...REMEMBERED, 'status', 'verify-signature'],
  },
  'trusted-key': {
    value: 'FILE',
    proposals: ['file'],
    isMany: true,
    help: 'Only payloads that this key signed (minisign, signify, Ed25519 in PEM, X.509); may be repeated',
    commands: ['plan', ...CHANGE_VERBS, ...REMEMBERED, 'status', 'verify-signature'],
  },
  key: {
    value: 'FILE',
    proposals: ['file'],
    help: 'The secret key: of minisign, of signify without a password, or Ed25519 in PEM',
    commands: ['sign'],
  },
  'password-file': {
    value: 'FILE',
    proposals: ['file'],
    help: 'Its first line is the password of the secret key',
    commands: ['sign'],
  },
  comment: {
    value: 'TEXT',
    help: "What minisign's trusted comment says (default: the name of the file and its digest)",
    commands: ['sign'],
  },
  plan: {
    value: 'FILE',
    proposals: ['file'],
    help: 'Carry out this plan, which plan --output wrote, if nothing changed since',
    commands: ['apply'],
  },
  'fail-on': {
    choices: ['error', 'warning', 'note'],
    help: 'The least severe finding that is a rejection (exit code 3; the default: error)',
    commands: [...CHECKING, 'rehearse'],
  },
  print: {
    help: 'Write the source of the agent to standard output, or to --output',
    commands: ['agent'],
  },
  'dry-run': {
    alias: 'n',
    help: 'Show and verify the plan, change nothing',
    commands: [...CHANGE_VERBS, ...REMEMBERED],
  },
  'exit-code': {
    help: 'End with 4 where something would change, and with 0 where nothing would',
    commands: ['plan'],
  },
  yes: {
    alias: 'y',
    help: 'Do not ask',
    helpOf: {
      init: 'Replace the hypervisor that is there',
      record: 'Replace the file that is there: --output, or without it the payload itself',
      sign: 'Replace signatures that are there',
    },
    commands: ['init', ...CHANGE_VERBS, ...BY_JOURNAL, 'record', 'sign', 'store'],
  },
  confirm: {
    value: 'SECONDS',
    help: 'Take it back after so many seconds, unless xsplice-ts confirm comes before: for what may cut off the way to the host',
    commands: ['apply', 'replace', 'load'],
  },
  timeout: {
    value: 'MS',
    help: 'Milliseconds for all CPUs to meet in one action (default: 30)',
    commands: ACTING,
  },
  'keep-going': {
    help: 'Leave what was done when a step fails, instead of taking it back',
    commands: CHANGE_VERBS,
  },
  back: {
    help: 'Have again what was loaded and applied before the change',
    commands: ['recover'],
  },
  expect: {
    help: "Fill in Xen's own expectations too: the hypervisor then compares at apply",
    commands: ['record'],
  },
  running: {
    help: 'All that runs here and loads modules, with what is on disk now',
    commands: ['lockstep'],
  },
  root: {
    value: 'DIR',
    proposals: ['file'],
    help: 'A whole tree of files; with HOST: where HOST and MODULE are',
    commands: ['lockstep'],
  },
  as: {
    choices: ['auto', 'qemu', 'nbdkit', 'linked', 'xen'],
    help: 'What HOST is, where the file does not tell',
    commands: ['lockstep'],
  },
  config: {
    value: 'FILE',
    help: 'Targets, their payloads and waivers (default: the nearest xsplice.config.json)',
    commands: CHECKING,
  },
  target: {
    value: 'NAME',
    isMany: true,
    help: 'Only this target of the configuration; may be repeated',
    commands: CHECKING,
  },
  since: {
    value: 'REV',
    help: 'Only targets that a change since this revision of git touches',
    commands: CHECKING,
  },
  output: {
    alias: 'o',
    value: '[FORMAT=]FILE',
    proposals: ['file'],
    isMany: true,
    help: 'A file to write, in the format of --format or another one; may be repeated',
    helpOf: {
      record: 'The file to write; FORMAT=FILE for what is said',
      report: 'The page to write; FORMAT=FILE for what is said',
      plan: 'The file to save the plan in, for apply --plan; FORMAT=FILE for what is said',
    },
    commands: COMMAND_NAMES,
  },
  format: {
    value: 'FORMAT',
    choices: [
      'human',
      'json',
      'sarif',
      'junit',
      'gitlab',
      'github',
      'markdown',
      'svg',
      'dot',
      'prometheus',
    ],
    help: 'What standard output gets: human or json; check and rehearse also have sarif, junit, gitlab, github and markdown; graph has svg and dot only; status has prometheus',
    commands: COMMAND_NAMES,
  },
  json: { help: 'The same as --format json', commands: COMMAND_NAMES },
  'json-schema': {
    help: 'Print the JSON Schema of the document that --format json writes, and do nothing else',
    commands: COMMAND_NAMES,
  },
  quiet: { alias: 'q', help: 'Say only what is wrong', commands: COMMAND_NAMES },
  verbose: {
    alias: 'v',
    help: 'Say everything: full ids, each step, log',
    commands: COMMAND_NAMES,
  },
  explain: {
    help: 'With each finding: what Xen checks there, since when, how to mend it',
    commands: COMMAND_NAMES,
  },
  'no-color': { help: 'No colour, on a terminal too', commands: COMMAND_NAMES },
  help: { alias: 'h', help: 'Show help', commands: COMMAND_NAMES },
  version: { alias: 'V', help: 'Show the version', commands: [] },
  licenses: { help: 'Print the licences of all that is part of this program', commands: [] },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

export type OptionName = keyof typeof OPTIONS;

/** The same, for whoever treats them all alike. */
export const DEFINITIONS: readonly (readonly [OptionName, OptionDefinition])[] = Object.entries(
  OPTIONS,
) as [OptionName, OptionDefinition][];

/** What a command takes. */
export function optionsOf(
  command: CommandName,
): readonly (readonly [OptionName, OptionDefinition])[] {
  return DEFINITIONS.filter(([, { commands }]) => commands.includes(command));
}

/** What it does in this command. */
export function helpOf({ help, helpOf }: OptionDefinition, command: CommandName | null): string {
  return (command === null ? undefined : helpOf?.[command]) ?? help;
}

/** What its value is called, in this command; null for a flag. */
export function valueName(
  { value, valueIn, choices }: OptionDefinition,
  command: CommandName | null = null,
): string | null {
  const own = command === null ? undefined : valueIn?.[command];
  return own ?? value ?? choices?.join('|') ?? null;
}
