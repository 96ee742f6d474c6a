/** What a payload depends on: the hypervisor, another member by name, or something that is nowhere. */
export type Parent = 'hypervisor' | 'nowhere' | { readonly member: string };

/** The first operation that refuses a member, or nothing where all succeed. */
export type RefusedAt = 'upload' | 'apply' | 'revert';

/** One payload of the family. What it shows is the first line of its source. */
export interface Member {
  readonly name: string;
  /** File name of the C source. */
  readonly source: string;
  readonly depends: Parent;
  readonly xenDepends: 'hypervisor' | 'nowhere' | 'absent';
  /** Functions of the hypervisor whose sizes (and addresses) the source needs. */
  readonly replaces: readonly string[];
  /** C name → names it may have in Xen, the first one that exists is taken. */
  readonly imports?: Readonly<Record<string, readonly string[]>>;
  /** Facts about old code that the source needs. */
  readonly oldCode?: 'nop' | 'nop-misaligned' | 'expect';
  readonly defines?: readonly string[];
  /** True for payloads that need what came with payload version 2 (Xen 4.14). */
  readonly sinceVersion2?: boolean;
  readonly refusedAt?: RefusedAt;
  /** Xen accepts it and dies of it. */
  readonly dangerous?: boolean;
  readonly shape?: 'build-tools';
  /** Built only where it is named. */
  readonly onRequest?: boolean;
  readonly note?: string;
}

const EXTRA = ['xen_extra_version'];
const APPLY_PAYLOAD = { xen_apply_payload: ['common/livepatch.c#apply_payload'] };
const REVERT_PAYLOAD = {
  xen_revert_payload: ['revert_payload', 'common/livepatch.c#revert_payload'],
};

type Details = Partial<Omit<Member, 'name'>>;

function member(name: string, details: Details = {}): Member {
  return {
    name,
    source: `${name}.c`,
    depends: 'hypervisor',
    xenDepends: 'hypervisor',
    replaces: EXTRA,
    ...details,
  };
}

/** Everything but the chain. */
const SINGLE_MEMBERS: readonly Member[] = [
  member('hello'),
  member('bye', { depends: { member: 'hello' } }),
  member('replace'),
  member('cumulative-1'),
  member('cumulative-2', { replaces: ['xen_extra_version', 'xen_changeset'] }),
  member('independent-a', { replaces: ['xen_changeset'] }),
  member('independent-b', { replaces: ['xen_compiler'] }),
  member('caller-fix', { replaces: ['demo_total'], imports: { demo_rate: ['demo_rate'] } }),
  member('callee-fix', { replaces: ['demo_rate'] }),
  member('old-address'),
  member('endbr', { replaces: ['common/keyhandler.c#show_handlers'] }),
  member('nop', { replaces: ['xen_minor_version'], oldCode: 'nop' }),
  member('metadata', { sinceVersion2: true }),
  member('data'),
  member('expect-right', { oldCode: 'expect', sinceVersion2: true }),
  member('expect-wrong', { oldCode: 'expect', sinceVersion2: true, refusedAt: 'apply' }),
  member('hook-load'),
  member('hook-preapply', { sinceVersion2: true }),
  member('hook-apply', { sinceVersion2: true, imports: APPLY_PAYLOAD }),
  member('hook-postapply', { sinceVersion2: true }),
  member('hook-prerevert', { sinceVersion2: true }),
  member('hook-revert', { sinceVersion2: true, imports: REVERT_PAYLOAD }),
  member('hook-postrevert', { sinceVersion2: true }),
  member('nofunc', { sinceVersion2: true, replaces: [] }),
  member('veto-preapply', { sinceVersion2: true, refusedAt: 'apply' }),
  member('noapply', { sinceVersion2: true, refusedAt: 'apply' }),
  member('veto-prerevert', { sinceVersion2: true, refusedAt: 'revert' }),
  member('norevert', { sinceVersion2: true, refusedAt: 'revert', imports: REVERT_PAYLOAD }),
  member('wrong-depends', { depends: 'nowhere', refusedAt: 'apply' }),
  member('wrong-xen-depends', { xenDepends: 'nowhere', sinceVersion2: true, refusedAt: 'upload' }),
  member('no-xen-depends', { xenDepends: 'absent', sinceVersion2: true, refusedAt: 'upload' }),
  member('wrong-version', { refusedAt: 'upload' }),
  member('too-small', { refusedAt: 'upload' }),
  member('unknown-function', { replaces: [], refusedAt: 'upload' }),
  member('unknown-import', { refusedAt: 'upload' }),
  member('nothing-to-patch', { replaces: [], refusedAt: 'upload' }),
  member('build-tools-shape', {
    sinceVersion2: true,
    shape: 'build-tools',
    imports: {
      imported_data: ['common/kernel.c#saved_cmdline', 'common/version.c#build_id_len'],
    },
    note: 'its read-only .livepatch.funcs needs 4.19, 4.18.1 or 4.17.3',
  }),
  member('big', { onRequest: true }),
  member('nop-misaligned', {
    replaces: ['xen_minor_version'],
    oldCode: 'nop-misaligned',
    dangerous: true,
  }),
];

/** Most links that a chain may be asked for. */
export const MAX_CHAIN_LENGTH = 999;

/** The whole family with a chain of the length given; parents come before their children. */
export function familyMembers(chainLength: number): readonly Member[] {
  const digits = Math.max(2, String(chainLength).length);
  const linkName = (n: number) => `chain-${String(n).padStart(digits, '0')}`;
  const chain = Array.from({ length: chainLength }, (_, i) =>
    member(linkName(i + 1), {
      source: 'chain.c',
      depends: i === 0 ? 'hypervisor' : { member: linkName(i) },
      defines: [`LINK_TEXT="${String(i + 1).padStart(digits, '0')}"`],
    }),
  );
  return [...SINGLE_MEMBERS, ...chain];
}

/** The one payload for arm64: its hypervisor exists nowhere, it is for readers. */
export const ARM64_MEMBER: Member = member('arm64', { sinceVersion2: true });
