import { nameText } from '../../core/abi/payload-name.js';
import { counted } from '../../core/findings/index.js';
import { type Snapshot, stackOf } from '../../core/hypervisor/index.js';
import type { JournalEntry, Place, SavedStack } from '../../core/store/index.js';
import type { PolicyState } from '../policy-state.js';
import { escapeText } from '../terminal/escape.js';
import type { Style } from '../terminal/style.js';
import type { WaitingChange } from '../unconfirmed.js';
import { entryFields, entryLine } from './history.js';
import { renderHost } from './plan.js';
import { savedFields } from './saved.js';
import { waitingFields, waitingText } from './unconfirmed.js';

/** A host beside what is wanted of it. */
export interface HostStatus {
  readonly host: string;
  readonly snapshot: Snapshot;
  /** Null where nothing is saved for this build: then nothing is wanted. */
  readonly saved: SavedStack | null;
  /** Wanted and not applied. */
  readonly missing: readonly Place[];
  /** Applied and not wanted: gone after a boot. */
  readonly extra: readonly Place[];
  /** Loaded by changes that failed or never ended. */
  readonly leftovers: readonly Place[];
  readonly last: JournalEntry | null;
  readonly policy: PolicyState;
  /** A change that waits to be confirmed; null where none does. */
  readonly unconfirmed: WaitingChange | null;
}

export function renderStatus(status: HostStatus, isAsWanted: boolean, style: Style): string {
  const { host, snapshot, saved, missing, extra, leftovers, last, policy, unconfirmed } = status;
  const line = (name: string, text: string) => `${style.bold(name.padEnd(8))} ${escapeText(text)}`;
  const some = (name: string, places: readonly Place[], why: string) =>
    places.length === 0 ? [] : [line(name, `${namesOf(places)} (${why})`)];
  return [
    renderHost(host, snapshot, style, false),
    line('Saved', saved === null ? 'nothing for this hypervisor' : namesOf(saved.stack)),
    ...some('Missing', missing, 'restore applies it'),
    ...some('Unsaved', extra, 'gone after a boot; save keeps it'),
    ...some('Left', leftovers, 'of a change that failed or never ended; clean unloads it'),
    line('Last', last === null ? 'no change is remembered' : entryLine(last)),
    ...policyLines(policy).map((text) => line('Policy', text)),
    ...(unconfirmed === null ? [] : [line('Confirm', waitingText(unconfirmed))]),
    isAsWanted ? style.good('As saved.') : style.warn('Not as saved.'),
  ].join('\n');
}

/** The same for programs. */
export function statusFields(status: HostStatus): Readonly<Record<string, unknown>> {
  const { host, snapshot, saved, missing, extra, leftovers, last, policy, unconfirmed } = status;
  const { buildId, version } = snapshot.hypervisor;
  const named = (places: readonly Place[]) =>
    places.map(({ name, buildId: id, depends }) => ({
      name: nameText(name),
      buildId: id,
      depends,
    }));
  return {
    host,
    hypervisor: { buildId, version },
    applied: named(stackOf(snapshot)),
    saved: saved === null ? null : savedFields(saved),
    missing: named(missing),
    extra: named(extra),
    leftovers: named(leftovers),
    last: last === null ? null : entryFields(last),
    policies: policy.policies,
    signatures: policy.payloads.map((one) => ({ ...one, name: nameText(one.name) })),
    unconfirmed: waitingFields(unconfirmed),
  };
}

function namesOf(places: readonly Place[]): string {
  return places.length === 0 ? 'nothing' : places.map(({ name }) => nameText(name)).join(', ');
}

/** Each policy in a line, then who signed what is applied. */
function policyLines({ policies, payloads }: PolicyState): readonly string[] {
  const rules = policies.map(({ source, requireSignature, keys }) => {
    const signed = requireSignature ? 'signatures are required' : 'no signature is required';
    return `${source}: ${signed}, ${counted(keys, 'key')}`;
  });
  const signers = payloads.map(({ name, signature, key }) => {
    const by = {
      verified: `signed by ${key}`,
      unsigned: 'not signed',
      unknown: 'not in the store',
    };
    return `${nameText(name)} ${by[signature]}`;
  });
  return [...rules, ...(signers.length === 0 ? [] : [signers.join(', ')])];
}
