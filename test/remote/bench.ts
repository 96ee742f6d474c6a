import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { connect as connectTcp, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { remoteHost } from '../../core/host/running-xen.js';
import { connect } from '../../core/hypervisor/xen/index.js';
import { APP_FOLDER } from '../support/under-test.js';
import { applyTen } from './apply-ten.js';
import type { Far } from './main.js';
import { fartherAway } from './rig-host.js';

/** Added to each way there and back. */
const FAR_MS = 30;

/** The apply of ten payloads: in dom0 itself, over ssh, and over ssh from far away. Nothing is judged by it. */
export async function bench(test: TestContext, { host, family, transport }: Far): Promise<void> {
  const { stdout, stderr } = spawnSync(
    'ssh',
    ['xen', `cd /${APP_FOLDER} && node dist/test/remote/local-bench.js /${APP_FOLDER}/family`],
    { encoding: 'utf8' },
  );
  const local = Number(stdout);
  assert.ok(local > 0, stderr);
  const over = async () => {
    const connection = await connect(transport);
    const open = await remoteHost(connection, {});
    try {
      return await applyTen(open, family);
    } finally {
      await open.port.close();
    }
  };
  const near = await over();
  const far = await delayed(host.port, async (port) => {
    const back = fartherAway(host, port);
    try {
      return await over();
    } finally {
      back();
    }
  });
  const row = (ms: number) => `${ms.toFixed(0)} ms (${(ms / local).toFixed(1)} times local)`;
  test.diagnostic(
    `apply of ten: local ${local.toFixed(0)} ms, ssh ${row(near)}, ssh with ${FAR_MS} ms ${row(far)}`,
  );
}

/** A port that leads to another one, each byte late by half of FAR_MS. */
async function delayed<T>(target: number, run: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const late = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), FAR_MS / 2));
    from.on('end', () => setTimeout(() => to.end(), FAR_MS / 2));
    from.on('error', () => to.destroy());
  };
  const server: Server = createServer((near) => {
    const far = connectTcp(target, '127.0.0.1');
    for (const socket of [near, far]) socket.setNoDelay(true);
    late(near, far);
    late(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    return await run(typeof address === 'object' && address !== null ? address.port : 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}
