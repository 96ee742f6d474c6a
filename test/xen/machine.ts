import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { cacheFolder } from './cache.js';
import { connectTo, Monitor } from './monitor.js';
import { type BootRequest, signOfDeath, writeInitramfs, xenArguments } from './qemu.js';
import { READY } from './ready.js';
import { run } from './run.js';

/** What a machine answered to one line: the lines up to its ready mark, or how it died. */
export type Answer =
  | { readonly kind: 'answered'; readonly lines: readonly string[] }
  | { readonly kind: 'died'; readonly lines: readonly string[]; readonly reason: string }
  | { readonly kind: 'timeout'; readonly lines: readonly string[] };

const LAST_WORDS_MS = 150;
const SNAPSHOT = 'ready';

/**
 * A Xen in QEMU that takes lines on its second serial port and can be set back to the moment at which
 * it was first ready: a hypervisor that was killed is there again within a second or two.
 */
export class Machine {
  readonly #folder: string;
  readonly #qemu: ChildProcess;
  #port!: Socket;
  #monitor!: Monitor;
  #console = '';
  #received = '';
  #exited = false;

  private constructor(folder: string, qemu: ChildProcess) {
    this.#folder = folder;
    this.#qemu = qemu;
    qemu.stdout?.on('data', (chunk: Buffer) => {
      this.#console += chunk.toString('latin1');
    });
    qemu.once('close', () => {
      this.#exited = true;
    });
  }

  /** Boots until the program in dom0 is ready, and remembers that moment. */
  static async start(request: BootRequest): Promise<Machine> {
    const folder = mkdtempSync(join(cacheFolder('run'), 'machine-'));
    writeFileSync(join(folder, 'xen'), gunzipSync(readFileSync(request.hypervisor)));
    await writeInitramfs(join(folder, 'initramfs'), request);
    const disk = join(folder, 'snapshots.qcow2');
    run('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '1M']);
    const qemu = spawn(
      'qemu-system-x86_64',
      [
        ...xenArguments(request, folder),
        // A killed Xen reboots: the machine stops there instead of ending, to be set back.
        ...['-action', 'reboot=shutdown,shutdown=pause'],
        ...['-serial', 'stdio'],
        ...['-chardev', `socket,id=port,path=${join(folder, 'port')},server=on,wait=off`],
        ...['-serial', 'chardev:port'],
        ...['-qmp', `unix:${join(folder, 'monitor')},server=on,wait=off`],
        ...['-drive', `if=none,id=snapshots,format=qcow2,file=${disk}`],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const machine = new Machine(folder, qemu);
    process.once('exit', () => qemu.kill('SIGKILL'));
    await machine.#connect();
    const first = await machine.#read(request.timeoutMs);
    if (first.kind !== 'answered') {
      await machine.stop();
      throw new Error(
        `the machine did not come up: ${first.kind}\n${machine.#console.slice(-2000)}`,
      );
    }
    await machine.#hmp(`savevm ${SNAPSHOT}`);
    return machine;
  }

  /** Sends a line to the program and waits until it is ready again, or dead. */
  async ask(line: string, timeoutMs: number): Promise<Answer> {
    this.#console = '';
    this.#received = '';
    this.#port.write(`${line}\n`);
    return this.#read(timeoutMs);
  }

  /** Sets the machine back to the moment after its boot. */
  async reset(): Promise<void> {
    this.#console = '';
    await this.#hmp('stop');
    await this.#hmp(`loadvm ${SNAPSHOT}`);
    this.#received = '';
    await this.#hmp('cont');
  }

  async stop(): Promise<void> {
    this.#port?.destroy();
    this.#monitor?.close();
    this.#qemu.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #read(timeoutMs: number): Promise<Answer> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const end = this.#received.indexOf(READY);
      if (end >= 0) {
        const lines = this.#received
          .slice(0, end)
          .split('\n')
          .filter((line) => line !== '');
        return { kind: 'answered', lines };
      }
      const lines = () => this.#received.split('\n').filter((line) => line !== '');
      const death = signOfDeath(this.#console);
      if (death !== null) {
        await sleep(LAST_WORDS_MS);
        return { kind: 'died', lines: lines(), reason: death };
      }
      if (this.#exited) return { kind: 'died', lines: lines(), reason: 'QEMU ended' };
      if (performance.now() > deadline) return { kind: 'timeout', lines: lines() };
      await sleep(2);
    }
  }

  async #connect(): Promise<void> {
    this.#port = await connectTo(join(this.#folder, 'port'));
    this.#port.on('data', (chunk) => {
      this.#received += chunk.toString('latin1').replaceAll('\r', '');
    });
    this.#monitor = await Monitor.connect(join(this.#folder, 'monitor'));
  }

  async #hmp(line: string): Promise<void> {
    const reply = await this.#monitor.ask({
      execute: 'human-monitor-command',
      arguments: { 'command-line': line },
    });
    if (!/"return": ""/.test(reply)) throw new Error(`QEMU said to ${line}: ${reply}`);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
