import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { change } from '../../core/change/index.js';
import { type OpenHost, openHost } from '../../core/host/index.js';
import { inputFile, readPayloadInputs } from '../../core/payload/index.js';
import { DEMO_IMAGE, demo, runCli, temporaryFolder } from '../support/cli.js';

/** The host, with something that others do each time right after it was observed. */
function meddledWith(host: OpenHost, others: () => Promise<unknown>): OpenHost {
  const { port } = host;
  return {
    ...host,
    port: {
      host: port.host,
      async observe() {
        const snapshot = await port.observe();
        await others();
        return snapshot;
      },
      upload: (name, bytes) => port.upload(name, bytes),
      act: (name, action, options) => port.act(name, action, options),
      exclusive: (run) => port.exclusive(run),
      close: () => port.close(),
    },
  };
}

test('a plan is made of what was observed, and stale where others changed it since (C6)', async (t) => {
  const directory = temporaryFolder(t);
  const there = ['--host', `embedded:${directory}`, '--yes'];
  const run = async (...words: readonly string[]) => {
    const { code, stderr } = await runCli([...words, ...there]);
    assert.equal(code, 0, stderr);
  };
  await run('init', '--image', DEMO_IMAGE);
  await run('apply', demo('independent-a'));
  const host = await openHost({ kind: 'embedded', directory });
  let isDone = false;
  const others = async () => {
    if (isDone) return;
    isDone = true;
    await run('revert', '--to', 'base');
  };
  const file = demo('independent-b');
  const payloads = readPayloadInputs([inputFile(file, readFileSync(file))]);
  const meddled = meddledWith(host, others);
  const asked = { verb: 'apply', payloads, check: 'old-code' } as const;
  await assert.rejects(change(meddled, asked, { confirm: async () => true }), {
    code: 'stale-plan',
  });
  await host.port.close();
});
