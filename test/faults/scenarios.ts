import { TAKE_BACK } from '../../cli/options/commands.js';
import { CHAIN, DEMO_IMAGE, demo } from '../support/cli.js';

type Words = readonly string[];

/**
 * One command that changes the embedded hypervisor. Which states it may leave follows from its own plan: each
 * step of it may have been done, or not yet. A command without a plan leaves the state before or after it.
 */
export interface Scenario {
  readonly name: string;
  /** Commands that make the state before. */
  readonly setup: readonly Words[];
  /** A command that is killed after half of its calls, behind the setup. */
  readonly interrupted?: Words;
  /** The command whose calls are spoilt. From any of its legal states it also leads to the state after. */
  readonly command: Words;
  /** Where that is not so: what leads from any of its legal states to the state before or after. */
  readonly next?: Words;
  /** True where `--dry-run` of the command gives its steps. */
  readonly hasPlan: boolean;
  /** Where it has no such option: the command that has the same steps. */
  readonly plan?: Words;
  /** True where the change of the setup was to be confirmed, and its time is over. Nobody waits for it. */
  readonly isOverdue?: true;
  /** True where nobody reads what it says: it is killed, or loses its power, in a process of its own. */
  readonly isSilent?: true;
}

const init: Words = ['init', '--image', DEMO_IMAGE, '--yes'];
const apply = (count: number): Words => ['apply', ...CHAIN.slice(0, count), '--yes'];

/** A verb that changes something needs one line here, and every part of the fault tests has it. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'apply5', setup: [init], command: apply(5), hasPlan: true },
  {
    name: 'revert',
    setup: [init, apply(5)],
    command: ['revert', '--to', 'base', '--yes'],
    hasPlan: true,
  },
  {
    name: 'replace',
    setup: [init, apply(2)],
    command: ['replace', demo('replace'), '--yes'],
    hasPlan: true,
  },
  {
    name: 'restore',
    setup: [init, apply(3), ['save'], init],
    command: ['restore'],
    hasPlan: true,
  },
  {
    name: 'undo',
    setup: [init, apply(2), apply(5)],
    command: ['undo', '--yes'],
    // Undone again, an undo is done again.
    next: ['recover', '--yes'],
    hasPlan: true,
  },
  {
    name: 'apply-confirm',
    setup: [init, apply(1)],
    command: [...apply(3), '--confirm', '600'],
    // While one waits, no other can.
    next: apply(3),
    hasPlan: true,
  },
  {
    name: 'take-back',
    setup: [init, apply(2), [...apply(4), '--confirm', '600']],
    isOverdue: true,
    command: [TAKE_BACK, '2'],
    next: ['recover', '--yes'],
    hasPlan: true,
    plan: ['undo'],
    isSilent: true,
  },
  {
    name: 'recover',
    setup: [init],
    interrupted: apply(5),
    command: ['recover', '--yes'],
    hasPlan: true,
  },
  {
    name: 'recover-back',
    setup: [init, apply(2)],
    interrupted: ['revert', '--to', 'base', '--yes'],
    command: ['recover', '--back', '--yes'],
    hasPlan: true,
  },
  {
    name: 'store-add',
    setup: [init],
    command: ['store', 'add', ...CHAIN],
    hasPlan: false,
  },
  {
    name: 'save',
    setup: [init, apply(3)],
    command: ['save'],
    hasPlan: false,
  },
  { name: 'init', setup: [], command: init, hasPlan: false },
  { name: 're-init', setup: [init, apply(2)], command: init, hasPlan: false },
];
