import type { Socket } from 'node:net';
import { connectTo } from '../core/boot/index.js';

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
