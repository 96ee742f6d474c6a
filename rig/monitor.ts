import { connect, type Socket } from 'node:net';

const CONNECT_PATIENCE_MS = 10_000;
const PAUSE_MS = 20;

/** Connects to a socket that QEMU is about to open. */
export async function connectTo(path: string): Promise<Socket> {
  const deadline = performance.now() + CONNECT_PATIENCE_MS;
  for (;;) {
    const socket = await new Promise<Socket | null>((resolve) => {
      const attempt = connect(path);
      attempt.once('connect', () => resolve(attempt));
      attempt.once('error', () => resolve(null));
    });
    if (socket) return socket;
    if (performance.now() > deadline) throw new Error(`QEMU did not open ${path}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** QEMU's control port (QMP): it answers in the order in which it was asked. */
export class Monitor {
  readonly #socket: Socket;
  readonly #waiting: ((reply: string) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (line.includes('"return"') || line.includes('"error"')) this.#waiting.shift()?.(line);
      }
    });
    // A QEMU that is killed resets it; who waits for an answer has seen that otherwise.
    socket.on('error', () => undefined);
  }

  static async connect(path: string): Promise<Monitor> {
    const monitor = new Monitor(await connectTo(path));
    await monitor.ask({ execute: 'qmp_capabilities' });
    return monitor;
  }

  /** QEMU's reply as it came: one line of JSON. */
  ask(command: object): Promise<string> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(`${JSON.stringify(command)}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
