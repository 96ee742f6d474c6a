import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { XspliceError } from '../../../../core/findings/index.js';
import { remoteHost } from '../../../../core/host/running-xen.js';
import {
  MAX_FRAME,
  readAllocate,
  readErrno,
  readHello,
  readHypercall,
  readPart,
} from '../../../../core/hypervisor/xen/handle/frames.js';
import { connect } from '../../../../core/hypervisor/xen/index.js';
import { repositoryRoot } from '../../../support/repository.js';

/** Whatever is in a frame: it is read, or it is `agent-bad-frame`. */
describe('frames of a host', () => {
  const hypercall = (body: Buffer) =>
    readHypercall(body, {
      ...{ hypercall: 35, arguments: [0n], sends: [] },
      receives: [
        { address: 0n, sizeBytes: 136 },
        { address: 0n, sizeBytes: 8 },
      ],
    });
  const readers: Readonly<Record<string, (body: Buffer) => unknown>> = {
    ...{ readHello, readAllocate, readPart, readErrno, hypercall },
  };
  for (const [name, read] of Object.entries(readers)) {
    it(`${name} reads any bytes or refuses them`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
          try {
            read(Buffer.from(bytes));
          } catch (error) {
            assert.ok(
              error instanceof XspliceError && error.code === 'agent-bad-frame',
              `${error}`,
            );
          }
        }),
      );
    });
  }

  it('what was asked for is as long as it was asked for, whatever came', () => {
    const body = Buffer.concat([Buffer.alloc(8), Buffer.from([1, 0, 0, 0, 7, 0, 0, 0, 0])]);
    const { received } = hypercall(body);
    assert.deepEqual(
      received.map((bytes) => [bytes.length, bytes[0]]),
      [
        [136, 7],
        [8, 0],
      ],
    );
    assert.ok(MAX_FRAME > 136);
  });
});

describe('a host that answers with nonsense', () => {
  const program = join(repositoryRoot(), 'test', 'support', 'hostile-agent.py');
  const SEEDS = 25;

  it(`${SEEDS} of them: each question ends, with an answer or an error in words`, async (t) => {
    const told = new Map<string, number>();
    for (let seed = 0; seed < SEEDS; seed++) {
      const words = ['python3', program, String(seed)];
      const connection = await connect({ kind: 'exec', spec: 'exec:hostile', words });
      let word = 'answered';
      try {
        const host = await remoteHost(connection, {});
        const snapshot = await host.port.observe();
        await host.preflightModel(snapshot, []);
        await host.tookBack();
        await host.port.lastWill?.begin('apply');
        await host.port.lastWill?.stay('/var/lib/xsplice-ts/host/confirm/waiting.json', 9);
        await host.port.lastWill?.isAwaited('/var/lib/xsplice-ts/host/confirm');
        await host.port.upload('x', Buffer.alloc(100));
        await host.port.lastWill?.drop();
        await host.port.exclusive(async () => undefined);
        await host.port.close();
      } catch (error) {
        assert.ok(error instanceof XspliceError, `seed ${seed}: ${error}`);
        word = error.code;
        assert.doesNotMatch(word, /internal/, `seed ${seed}: ${error.message}`);
      }
      await connection.close();
      told.set(word, (told.get(word) ?? 0) + 1);
    }
    t.diagnostic([...told].map(([word, count]) => `${word} ${count}`).join(', '));
    assert.ok(told.size > 2);
  });
});
