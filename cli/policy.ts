import { basename, dirname, resolve } from 'node:path';
import type { PolicyTerms } from '../core/change/index.js';
import { type KeptFolder, readOwn, reasonOf, requireTrusted } from '../core/files/index.js';
import { type DangerCode, XspliceError } from '../core/findings/index.js';
import type { OpenHost } from '../core/host/index.js';
import { signaturesBeside } from '../core/inputs/index.js';
import {
  NO_PAYLOADS,
  type PayloadList,
  type Policy,
  policyOfKeys,
  readTrustedKey,
  type TrustedKey,
} from '../core/signature/index.js';
import { checkedJson, invalidJson } from './config/index.js';
import { POLICY_SCHEMA } from './schemas/policy.js';
import type { Settings } from './settings.js';

/** The policy of this machine, for whatever it changes. */
const POLICY_FILE = '/etc/xsplice-ts/policy.json';

/**
 * What a change has to keep: the policy of this machine, that of --policy, and --trusted-key. None weakens another.
 * Fails with `policy-invalid`, `key-invalid` and `folder-not-trusted`: what is meant to be forbidden is not known then.
 */
export async function policyTerms(
  settings: Pick<Settings, 'policy' | 'trustedKey'>,
): Promise<PolicyTerms> {
  const own = await readPolicy(POLICY_FILE);
  const named = settings.policy === null ? null : await readPolicy(settings.policy);
  if (settings.policy !== null && named === null) {
    throw new XspliceError('policy-invalid', `${settings.policy} does not exist`);
  }
  const keys = await Promise.all(settings.trustedKey.map((file) => readKey(file)));
  const typed = keys.length === 0 ? [] : [policyOfKeys(keys, '--trusted-key')];
  const policies = [own, named].filter((policy) => policy !== null);
  return { policies: [...policies, ...typed], signaturesBeside };
}

/** The keys of --trusted-key; without it those of the policies. Fails as policyTerms does. */
export async function trustedKeys(
  settings: Pick<Settings, 'policy' | 'trustedKey'>,
): Promise<{ readonly keys: readonly TrustedKey[]; readonly source: string }> {
  const { policies } = await policyTerms(settings);
  const typed = policies.find(({ source }) => source === '--trusted-key');
  if (typed !== undefined) return typed;
  const withKeys = policies.filter(({ keys }) => keys.length > 0);
  return {
    keys: withKeys.flatMap(({ keys }) => keys),
    source: withKeys.map(({ source }) => source).join(' and '),
  };
}

/** The policy of the machine that a host runs on, where that is another one; it is kept beside that of this machine. */
export async function withHostPolicy(
  terms: PolicyTerms,
  { rules, port }: OpenHost,
): Promise<PolicyTerms> {
  if (rules === null) return terms;
  const name = basename(POLICY_FILE);
  const path = `${port.host.spec}:${rules.path}/${name}`;
  const bytes = await readRules(rules, name, path, 'policy-invalid');
  if (bytes === null) return terms;
  const policy = await policyIn(bytes, path, async (key) => {
    // Nothing else of that machine is read.
    const file = resolve(rules.path, key);
    const source = `${port.host.spec}:${file}`;
    if (dirname(file) !== rules.path) {
      throw new XspliceError('key-invalid', `${source} is not used: keys of ${path} lie beside it`);
    }
    const found = await readRules(rules, basename(file), source, 'key-invalid');
    return keyIn(found, source);
  });
  return { ...terms, policies: [...terms.policies, policy] };
}

/** Null where there is none. */
async function readPolicy(file: string): Promise<Policy | null> {
  const bytes = await readGuarded(file, 'policy-invalid');
  if (bytes === null) return null;
  return policyIn(bytes, file, (key) => readKey(resolve(dirname(file), key)));
}

async function policyIn(
  bytes: Uint8Array,
  file: string,
  keyOf: (key: string) => Promise<TrustedKey>,
): Promise<Policy> {
  const text = Buffer.from(bytes).toString('utf8');
  const { value, lines } = checkedJson(text, file, POLICY_SCHEMA, 'policy-invalid');
  // The schema says that it is so.
  const raw = value as RawPolicy;
  const { requireSignature = false, keys = [], neverAccept = [], allow, block } = raw;
  if (requireSignature && keys.length === 0) {
    const message = 'is true, and there are no keys: nothing could be loaded';
    throw invalidJson(file, lines, [{ path: '/requireSignature', message }], 'policy-invalid');
  }
  return {
    source: file,
    requireSignature,
    keys: await Promise.all(keys.map(keyOf)),
    allow: allow === undefined ? null : listOf(allow),
    block: listOf(block ?? {}),
    neverAccept,
  };
}

interface RawPolicy {
  readonly requireSignature?: boolean;
  readonly keys?: readonly string[];
  readonly allow?: Partial<PayloadList>;
  readonly block?: Partial<PayloadList>;
  readonly neverAccept?: readonly DangerCode[];
}

function listOf(raw: Partial<PayloadList>): PayloadList {
  const { digests, buildIds, names } = { ...NO_PAYLOADS, ...raw };
  const lower = (texts: readonly string[]) => texts.map((text) => text.toLowerCase());
  return { digests: lower(digests), buildIds: lower(buildIds), names };
}

async function readKey(file: string): Promise<TrustedKey> {
  return keyIn(await readGuarded(file, 'key-invalid'), file);
}

function keyIn(bytes: Uint8Array | null, file: string): TrustedKey {
  if (bytes === null) throw new XspliceError('key-invalid', `${file} does not exist`);
  return readTrustedKey(bytes, file);
}

/** A file of another machine's rules that nobody else can have written; null where there is none. */
async function readRules(
  rules: KeptFolder,
  name: string,
  path: string,
  code: 'policy-invalid' | 'key-invalid',
): Promise<Uint8Array | null> {
  try {
    return await rules.read(name);
  } catch (cause) {
    if (cause instanceof XspliceError) throw cause;
    throw new XspliceError(code, `${path} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** A file that nobody else can have written, in a folder of which that holds too; null where there is none. */
async function readGuarded(
  file: string,
  code: 'policy-invalid' | 'key-invalid',
): Promise<Uint8Array | null> {
  try {
    const bytes = await readOwn(file);
    if (bytes !== null) await requireTrusted(dirname(resolve(file)));
    return bytes;
  } catch (cause) {
    if (cause instanceof XspliceError) throw cause;
    throw new XspliceError(code, `${file} cannot be read: ${reasonOf(cause)}`, { cause });
  }
}
