import { nameText } from '../../core/abi/payload-name.js';
import { counted, EXIT, type Finding, finding, XspliceError } from '../../core/findings/index.js';
import { readEveryPayloadFile, signaturesBeside } from '../../core/inputs/index.js';
import { readPayloadInputs } from '../../core/payload/index.js';
import {
  Journal,
  neededPayloads,
  PayloadStore,
  type StoredPayload,
  savedDigests,
} from '../../core/store/index.js';
import { withExplanations } from '../explanations.js';
import { MeantHost } from '../meant-host.js';
import { namedStore, ownStore } from '../memory.js';
import { STORE_ACTIONS } from '../options/commands.js';
import type { Session } from '../session.js';
import { confirm } from '../terminal/confirm.js';
import { escapeText } from '../terminal/escape.js';
import { usage } from '../usage.js';
import { renderStored, storedFields } from '../views/store.js';

/** What came of an action: the payloads it is about, and what it is to end with. */
interface Outcome {
  readonly payloads: readonly StoredPayload[];
  readonly findings?: readonly Finding[];
}

/** Adds to the payloads that are kept, lists, verifies or removes them. */
export async function run(session: Session): Promise<number> {
  const { settings, output } = session;
  const [word, ...words] = settings.words;
  const action = STORE_ACTIONS.find((name) => name === word);
  if (action === undefined) {
    throw usage(`store takes one of ${STORE_ACTIONS.join(', ')}; it is ${JSON.stringify(word)}`);
  }
  const takesWords = action === 'add' || action === 'remove';
  if (takesWords !== words.length > 0) {
    throw usage(
      takesWords ? `store ${action} needs something to work on` : `store ${action} takes no words`,
    );
  }
  const host = new MeantHost(session);
  try {
    const store = await storeOf(session, host);
    const { payloads, findings = [] } = await ACTIONS[action](session, store, words, host);
    const isGood = findings.every(({ severity }) => severity !== 'error');
    output.findings(withExplanations(settings, findings));
    output.document({
      ...{ ok: isGood, action, store: store.path, payloads: payloads.map(storedFields) },
      findings: withExplanations(settings, findings),
    });
    return isGood ? EXIT.done : EXIT.failed;
  } finally {
    await host.close();
  }
}

const ACTIONS: Readonly<
  Record<
    (typeof STORE_ACTIONS)[number],
    (
      session: Session,
      store: PayloadStore,
      words: readonly string[],
      host: MeantHost,
    ) => Promise<Outcome>
  >
> = { add, list, verify, remove, prune };

async function add(
  { output }: Session,
  store: PayloadStore,
  words: readonly string[],
): Promise<Outcome> {
  const inputs = readPayloadInputs(readEveryPayloadFile(words));
  const added = await store.add(
    inputs.map((payload) => ({ payload, signatures: signaturesBeside(payload.input.file) })),
  );
  for (const { payload, isNew } of added) {
    const what = isNew ? 'Added' : 'There already:';
    output.info(escapeText(`${what} ${nameText(payload.name)} · ${payload.sha256}`));
  }
  return { payloads: added.map(({ payload }) => payload) };
}

async function list({ output }: Session, store: PayloadStore): Promise<Outcome> {
  const payloads = await store.list();
  output.info(`${output.style.bold('Store')}    ${escapeText(store.path)}`);
  if (payloads.length === 0) output.data('Nothing is kept.');
  else output.data(renderStored(payloads, output.style, output.verbose));
  return { payloads };
}

async function verify({ output }: Session, store: PayloadStore): Promise<Outcome> {
  const states = await store.verify();
  const findings = states.flatMap(({ sha256, payload, wrong }) => {
    if (wrong === null) return [];
    const name = payload === null ? sha256 : nameText(payload.name);
    return [finding('store-damaged', { message: `${name} in the store ${store.path}: ${wrong}` })];
  });
  const bad = findings.length;
  if (bad === 0) output.info(`${counted(states.length, 'payload')}, each as it was added.`);
  return { payloads: states.flatMap(({ payload }) => payload ?? []), findings };
}

async function remove(
  session: Session,
  store: PayloadStore,
  words: readonly string[],
): Promise<Outcome> {
  const payloads = await Promise.all(words.map((word) => store.require(word)));
  const names = payloads.map(({ name }) => nameText(name)).join(', ');
  const question = `Remove ${escapeText(names)} from the store ${escapeText(store.path)}?`;
  await confirm(session, question, 'the store');
  const digests = payloads.map(({ sha256 }) => sha256);
  await store.remove((sha256) => digests.includes(sha256));
  session.output.info(escapeText(`Removed ${names}`));
  return { payloads };
}

/** Removes what no host of the store has loaded, has saved or needs: see {@link neededPayloads}. */
async function prune(
  session: Session,
  store: PayloadStore,
  _words: readonly string[],
  host: MeantHost,
): Promise<Outcome> {
  const present = await host.present();
  const needed = new Set<string>(neededPayloads([], present));
  for (const folder of await host.folders()) {
    const { entries } = await new Journal(folder).read();
    for (const id of neededPayloads(entries, present)) needed.add(id);
    for (const id of await savedDigests(folder)) needed.add(id);
  }
  const isNeeded = (one: StoredPayload) => needed.has(one.sha256) || needed.has(one.buildId ?? '');
  const payloads = (await store.list()).filter((one) => !isNeeded(one));
  const names = payloads.map(({ name }) => nameText(name)).join(', ');
  if (payloads.length > 0) {
    const question = `Remove ${escapeText(names)} from the store ${escapeText(store.path)}?`;
    await confirm(session, question, 'the store');
  }
  // Decided anew under the lock: what was added meanwhile stays, what was never wholly added goes.
  const digests = payloads.map(({ sha256 }) => sha256);
  await store.remove((sha256, payload) => payload === null || digests.includes(sha256));
  session.output.info(
    payloads.length === 0 ? 'There is nothing to prune.' : escapeText(`Removed ${names}`),
  );
  return { payloads };
}

/** The store of the host that is meant; where none is, that of this machine. */
async function storeOf({ settings, streams }: Session, host: MeantHost): Promise<PayloadStore> {
  const named = namedStore(settings, streams);
  if (named !== null) return new PayloadStore(named);
  try {
    return await host.store();
  } catch (error) {
    const isNoneMeant = error instanceof XspliceError && error.code === 'no-host';
    if (!isNoneMeant) throw error;
    return new PayloadStore(ownStore(streams));
  }
}
