import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type ChangeRequest, change } from '../../core/change/index.js';
import type { OpenHost } from '../../core/host/index.js';
import { remoteHost } from '../../core/host/running-xen.js';
import { connect } from '../../core/hypervisor/xen/index.js';
import { inputFile, readPayloadInputs } from '../../core/payload/index.js';
import { HostWitness, Journal } from '../../core/store/index.js';
import { isToBeSeen, judgeCycles, type Seen } from '../support/cycles.js';
import type { Far } from './main.js';

const TIMEOUT_NS = 1_000_000_000;
const JOURNAL = 'journal';

/** A payload is applied and reverted again and again over one connection: nothing grows but the journal there. */
export async function cycle(
  test: TestContext,
  { transport, family }: Far,
  cycles: number,
): Promise<void> {
  const connection = await connect(transport);
  const host = await remoteHost(connection, {});
  const file = inputFile('hello.livepatch', family.bytes('hello'));
  const apply: ChangeRequest = { verb: 'apply', payloads: readPayloadInputs([file]) };
  const started = performance.now();
  const seen: Seen[] = [];
  try {
    for (let done = 1; done <= cycles; done++) {
      await remembered(host, apply);
      await remembered(host, { verb: 'revert', to: null });
      if (!isToBeSeen(done, cycles)) continue;
      seen.push({ cycles: done, ...(await sizes(host)) });
      // Who waits sees that it goes on.
      process.stderr.write(`${done} of ${cycles}\n`);
    }
  } finally {
    await host.port.close();
  }
  judgeCycles(test, seen, performance.now() - started);
}

async function remembered(host: OpenHost, request: ChangeRequest): Promise<void> {
  const witness = new HostWitness({
    ...{ journal: new Journal(host.memory), store: null, mayForget: false },
    ...{ foretold: [], tookBackSince: null },
    about: {
      ...{ host: host.port.host.spec, bootId: await host.bootId(), verb: request.verb },
      ...{ tool: 'a test', who: { uid: 0, loginUid: null, sudoUser: null }, undoes: null },
    },
  });
  const options = { confirm: async () => true, timeoutNs: TIMEOUT_NS, witness };
  const { failure } = await change(host, request, options);
  assert.equal(failure, null, failure?.message);
}

async function sizes({ port, memory }: OpenHost): Promise<Omit<Seen, 'cycles'>> {
  const files = await memory.list(JOURNAL);
  const bytes = await Promise.all(files.map((name) => memory.read(`${JOURNAL}/${name}`)));
  return {
    loaded: (await port.observe()).payloads.length,
    rssBytes: process.memoryUsage().rss,
    journalBytes: bytes.reduce((sum, one) => sum + (one?.length ?? 0), 0),
    journalFiles: files.length,
  };
}
