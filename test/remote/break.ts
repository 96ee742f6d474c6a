import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { change } from '../../core/change/index.js';
import type { Finding } from '../../core/findings/index.js';
import { remoteHost } from '../../core/host/running-xen.js';
import { type AgentConnection, connect, type Transport } from '../../core/hypervisor/xen/index.js';
import { inputFile, type PayloadInput, readPayloadInputs } from '../../core/payload/index.js';
import type { Family } from '../scenarios/scenario.js';

const CHAIN = ['chain-01', 'chain-02', 'chain-03'];
const ALL = CHAIN.map((name) => `${name} APPLIED`).join(', ');

/** Ends the process that carries a connection once so many requests have gone out over it. */
function breakAfter(connection: AgentConnection, requests: number): () => boolean {
  let isBroken = false;
  const watch = setInterval(() => {
    if (isBroken || connection.traffic.requests < requests) return;
    isBroken = true;
    process.kill(connection.processId ?? 0, 'SIGKILL');
  }, 0);
  watch.unref();
  return () => isBroken;
}

/**
 * Kills what carries the connection at each (or each `every`th) request of an apply of three, and compares what was reported with what the
 * next connection finds there once the agent has done its last will: all or nothing.
 */
export async function breakEverywhere(
  test: TestContext,
  { transport, family }: { readonly transport: Transport; readonly family: Family },
  every: number,
): Promise<void> {
  const payloads = readPayloadInputs(
    CHAIN.map((name) => inputFile(`${name}.livepatch`, family.bytes(name))),
  );
  await clear(transport);
  const told = new Map<string, number>();
  let wrong = 0;
  let halves = 0;
  for (let requests = 1; ; requests += every) {
    const report = await applyBroken(transport, payloads, requests);
    const { found, tookBack } = await whatIsThere(transport);
    const { word, claims } = report;
    const itself = tookBack === null ? '' : ', and the agent took back';
    told.set(`${word}${itself}`, (told.get(`${word}${itself}`) ?? 0) + 1);
    if (claims !== null && claims !== found) {
      wrong++;
      test.diagnostic(`after ${requests} requests: said ${word} ${claims}, and there is ${found}`);
    }
    if (found !== '' && found !== ALL) {
      halves++;
      test.diagnostic(`after ${requests} requests: ${word}, ${found}: ${tookBack?.message}`);
    }
    await clear(transport);
    if (report.isWhole) {
      test.diagnostic(`${requests} requests: ${[...told].map(([w, n]) => `${w} ${n}`).join(', ')}`);
      break;
    }
  }
  assert.equal(wrong, 0, 'reports that are not true');
  assert.equal(halves, 0, 'changes that are neither done nor taken back');
}

interface Broken {
  /** What was said. */
  readonly word: string;
  /** The payloads that are said to be there, as text; null where it is said to be not known. */
  readonly claims: string | null;
  /** It was done before the connection could break. */
  readonly isWhole: boolean;
}

async function applyBroken(
  transport: Transport,
  payloads: readonly PayloadInput[],
  requests: number,
): Promise<Broken> {
  const connection = await connect(transport);
  const isBroken = breakAfter(connection, requests);
  try {
    const host = await remoteHost(connection, {});
    const report = await change(
      host,
      { verb: 'apply', payloads },
      { confirm: async () => true, timeoutNs: 1_000_000_000 },
    );
    const { execution } = report;
    await host.port.close();
    if (execution === null) return { word: 'nothing done', claims: '', isWhole: false };
    const after = execution.after;
    const claims =
      after === null
        ? null
        : after.payloads.map(({ name, state }) => `${name} ${state}`).join(', ');
    return { word: execution.outcome, claims, isWhole: !isBroken() };
  } catch (error) {
    // Before the first step: nothing was done, as it is said.
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { word: code, claims: '', isWhole: false };
  } finally {
    await connection.close();
  }
}

/** Once no agent is at it any more. */
async function whatIsThere(
  transport: Transport,
): Promise<{ readonly found: string; readonly tookBack: Finding | null }> {
  const host = await remoteHost(await connect(transport), {});
  try {
    return await host.port.exclusive(async () => {
      const { payloads } = await host.port.observe();
      const found = payloads.map(({ name, state }) => `${name} ${state}`).join(', ');
      return { found, tookBack: (await host.tookBack())?.finding ?? null };
    });
  } finally {
    await host.port.close();
  }
}

async function clear(transport: Transport): Promise<void> {
  const host = await remoteHost(await connect(transport), {});
  const options = { timeoutNs: 1_000_000_000, nodeps: false };
  try {
    const { payloads } = await host.port.observe();
    for (const { name, state } of [...payloads].reverse()) {
      for (let tries = 0; state === 'APPLIED' && tries < 10; tries++) {
        if ((await host.port.act(name, 'REVERT', options)).payloadRc === 0) break;
      }
      await host.port.act(name, 'UNLOAD', options);
    }
  } finally {
    await host.port.close();
  }
}
