import type { BuildId } from '../core/abi/ids.js';
import { errorFrom, type Finding, finding } from '../core/findings/index.js';
import { answersOf, judgeByPolicy, keyName, type SentPayload } from '../core/signature/index.js';
import type { Place } from '../core/store/index.js';
import type { MeantHost } from './meant-host.js';
import { policyTerms, withHostPolicy } from './policy.js';
import type { Settings } from './settings.js';

/** The rules that hold for a host, and who signed what is applied. */
export interface PolicyState {
  readonly policies: readonly {
    /** The file, or the option. */
    readonly source: string;
    readonly requireSignature: boolean;
    readonly keys: number;
  }[];
  /** What is applied, base first. Empty where there is no policy. */
  readonly payloads: readonly SignedPlace[];
  /** What the rules have against what is applied, and why they cannot be read: no change is made then. */
  readonly findings: readonly Finding[];
}

export interface SignedPlace {
  readonly name: string;
  readonly buildId: BuildId | null;
  /** `unknown`: its file is not in the store. `unsigned`: by none of the keys of the policies. */
  readonly signature: 'verified' | 'unsigned' | 'unknown';
  /** Who signed it; null where that is not one of the keys. */
  readonly key: string | null;
}

/** Reads the rules, and judges what is applied by what is kept of it. */
export async function policyState(
  settings: Pick<Settings, 'policy' | 'trustedKey'>,
  host: MeantHost,
  applied: readonly Place[],
): Promise<PolicyState> {
  try {
    const { policies } = await withHostPolicy(await policyTerms(settings), await host.open());
    const keys = policies.flatMap((policy) => policy.keys);
    const judged = policies.length === 0 ? [] : await keptOf(host, applied);
    return {
      policies: policies.map(({ source, requireSignature, keys: own }) => {
        return { source, requireSignature, keys: own.length };
      }),
      payloads: judged.map(({ name, buildId, sent }): SignedPlace => {
        if (sent === null) return { name, buildId, signature: 'unknown', key: null };
        const answers = answersOf(sent.payload, sent.beside, keys);
        const key = answers.find(({ state }) => state === 'verified')?.key ?? null;
        const signature = key === null ? 'unsigned' : 'verified';
        return { name, buildId, signature, key: key && keyName(key) };
      }),
      findings: policies
        .flatMap((policy) => judged.flatMap((one) => judgeByPolicy(one, policy)))
        .map((found) => ({ ...found, severity: 'warning' })),
    };
  } catch (error) {
    const { code, message, hint } = errorFrom(error);
    const found = { message, ...(hint === undefined ? {} : { hint }) };
    return { policies: [], payloads: [], findings: [finding(code, found)] };
  }
}

/** What is applied, with its file where that is kept. */
async function keptOf(host: MeantHost, applied: readonly Place[]) {
  const store = await host.store();
  const kept = await store.list();
  return Promise.all(
    applied.map(async ({ name, buildId }) => {
      const stored = kept.find((one) => buildId !== null && one.buildId === buildId);
      if (stored === undefined) return { name, buildId, sent: null };
      const payload = await store.read(stored);
      const beside = await store.signatures(stored);
      const sent: SentPayload = { payload, sha256: stored.sha256, beside };
      return { name, buildId, sent };
    }),
  );
}
