import { connect, type Socket } from 'node:net';

const CONNECT_PATIENCE_MS = 10_000;
const PAUSE_MS = 20;

/** Connects to a socket that QEMU is about to open, unless it is told that there is no use in it any more. */
export async function connectTo(path: string, signal?: AbortSignal): Promise<Socket> {
  const deadline = performance.now() + CONNECT_PATIENCE_MS;
  for (;;) {
    const socket = await new Promise<Socket | null>((resolve) => {
      const attempt = connect(path);
      attempt.once('connect', () => resolve(attempt));
      attempt.once('error', () => resolve(null));
    });
    if (socket) return socket;
    signal?.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`QEMU did not open ${path}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
