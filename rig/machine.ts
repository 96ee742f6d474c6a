import { type ChildProcess, spawn } from 'node:child_process';
import {
  createReadStream,
  createWriteStream,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import {
  type ArchiveEntry,
  connectTo,
  cpioArchive,
  QEMU,
  qemuWords,
  signOfDeath,
} from '../core/boot/index.js';
import { cacheFolder } from './cache.js';
import type { Dom0 } from './initramfs.js';
import { MARK } from './marks.js';
import type { Pausable } from './measuring.js';
import { Monitor } from './monitor.js';
import { run } from './run.js';

/** After a sign of death, this long for the rest of the hypervisor's last words. */
const LAST_WORDS_MS = 150;
/** The result port is looked at this often. */
const POLL_MS = 2;
const SNAPSHOT = 'ready';
/** A machine that was set back takes an empty line at once; it is loaded in a second or two. */
const AWAKE_LIMIT_MS = 60_000;
/** A boot takes eight seconds alone. */
const BOOT_LIMIT_MS = 240_000;

// A signal would end this process without the 'exit' hooks by which QEMU is taken down.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** What to boot. */
export interface MachineRequest {
  /** The hypervisor as packaged: gzipped. */
  readonly hypervisor: string;
  readonly dom0: Dom0;
  /** Second layer of the initramfs: files under test. */
  readonly files: readonly ArchiveEntry[];
  /** Shell command that runs in dom0. It has to end in a program that takes lines (`serve` of agent.ts). */
  readonly command: string;
  /** A port of this machine's that leads to dom0's port 22 (network.ts); without it there is no network. */
  readonly sshPort?: number;
  /** A disk of dom0's (disk.ts), which outlives the machine; without it nothing does. */
  readonly disk?: string;
  /** Further words for Xen's command line. */
  readonly xenOptions?: string;
}

/** What a machine answered to one line. */
export type Answer = { readonly lines: readonly string[] } & (
  | { readonly kind: 'answered' }
  /** The program in dom0 ended, with this exit status. */
  | { readonly kind: 'ended'; readonly status: number }
  /** The hypervisor (or dom0's kernel) died; the line of the console that says so. */
  | { readonly kind: 'died'; readonly reason: string }
  /** QEMU ended. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'timeout' }
);

/** The initramfs of one machine: the dom0, the files under test, and the command. */
async function writeInitramfs(target: string, request: MachineRequest): Promise<void> {
  const bytes = Buffer.from(request.command);
  const command: ArchiveEntry = { path: 'rig/command', kind: 'file', bytes };
  await pipeline(createReadStream(request.dom0.baseInitramfs), createWriteStream(target));
  writeFileSync(target, cpioArchive([...request.files, command]), { flag: 'a' });
}

function qemuArguments(request: MachineRequest, folder: string): readonly string[] {
  const words = qemuWords({
    ...{ accelerator: 'tcg', memoryMib: 3072, dom0MemoryMib: 2048, channel: 'serial' },
    hypervisor: join(folder, 'xen'),
    kernel: request.dom0.kernel,
    initramfs: join(folder, 'initramfs'),
    port: join(folder, 'port'),
    ...(request.xenOptions === undefined ? {} : { xenOptions: request.xenOptions }),
  });
  return [
    ...words,
    // A killed Xen reboots: the machine stops there instead of ending, to be set back.
    ...['-action', 'reboot=shutdown,shutdown=pause'],
    ...['-qmp', `unix:${join(folder, 'monitor')},server=on,wait=off`],
    ...networkArguments(request.sshPort),
    ...['-drive', `if=none,id=snapshots,format=qcow2,file=${join(folder, 'snapshots.qcow2')}`],
    // Behind it: the machine's memory is kept on the first that takes it.
    ...diskArguments(request.disk),
  ];
}

/** What dom0 has not flushed is gone with QEMU, as it is with a machine that loses its power. */
function diskArguments(disk: string | undefined): readonly string[] {
  if (disk === undefined) return [];
  return [
    ...['-drive', `if=none,id=disk,format=qcow2,cache=writeback,file=${disk}`],
    ...['-device', 'ide-hd,drive=disk,bus=ide.0'],
  ];
}

/** Nothing but this one port leads in, and nothing leads out. */
function networkArguments(port: number | undefined): readonly string[] {
  if (port === undefined) return [];
  const user = `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22`;
  return ['-netdev', user, '-device', 'e1000,netdev=net'];
}

/**
 * A real Xen with its dom0 in QEMU. Its program takes lines on the second serial port; the machine can be set
 * back to the moment at which it was first ready: a hypervisor that was killed is there again within a second
 * or two. QEMU and its files are gone when the process ends, however it ends.
 */
export class Machine implements Pausable {
  readonly #request: MachineRequest;
  readonly #folder: string;
  readonly #takeDown: () => void;
  #qemu: ChildProcess | null = null;
  #port: Socket | null = null;
  #monitor: Monitor | null = null;
  #console = '';
  #received: Buffer = Buffer.alloc(0);
  /** The lines in what was received, until more is. */
  #lines: readonly string[] | null = null;
  #failure: string | null = null;
  #isPaused = false;
  #bootMs = 0;

  private constructor(request: MachineRequest, folder: string) {
    this.#request = request;
    this.#folder = folder;
    this.#takeDown = () => {
      this.#qemu?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    };
    process.once('exit', this.#takeDown);
  }

  /**
   * Boots until the program in dom0 is ready, and remembers that moment.
   *
   * @throws Error with the end of the console when it does not come up.
   */
  static async start(request: MachineRequest): Promise<Machine> {
    const folder = mkdtempSync(join(cacheFolder('run'), 'machine-'));
    const machine = new Machine(request, folder);
    writeFileSync(join(folder, 'xen'), gunzipSync(readFileSync(request.hypervisor)));
    await writeInitramfs(join(folder, 'initramfs'), request);
    run('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'snapshots.qcow2'), '1M']);
    const started = performance.now();
    await machine.#run([]);
    const first = await machine.#read(BOOT_LIMIT_MS);
    if (first.kind !== 'answered') {
      const words = machine.lastWords(first);
      await machine.stop();
      throw new Error(`the machine did not come up: ${words}`);
    }
    machine.#bootMs = performance.now() - started;
    await machine.#tell(`savevm ${SNAPSHOT}`);
    return machine;
  }

  /** From the start of QEMU until the program in dom0 was ready. */
  get bootMs(): number {
    return this.#bootMs;
  }

  /** Sends a line to the program and waits until it is ready again, or does not live any more. */
  async ask(line: string, timeoutMs: number): Promise<Answer> {
    this.#console = '';
    this.#received = Buffer.alloc(0);
    this.#lines = null;
    this.#port?.write(`${line}\n`);
    return this.#read(timeoutMs);
  }

  /** What the program in dom0 has said since it was asked last. */
  get said(): readonly string[] {
    return this.#linesNow();
  }

  /** What an answer that is none says, and the end of both serial ports. */
  lastWords(answer: Answer): string {
    const what = 'reason' in answer ? `${answer.kind}: ${answer.reason}` : answer.kind;
    const tail = this.#console.trimEnd().split('\n').slice(-25);
    return [what, ...answer.lines.slice(-20), ...tail].join('\n');
  }

  /**
   * Sets the machine back to the moment after its boot, in a new QEMU: one that loads a snapshot while it runs
   * goes on counting the TSC from where it was (cpu_get_ticks_locked, 7.2), Xen's clock leaps, and the machine
   * may stand still.
   *
   * @throws Error when it does not wake up.
   */
  async reset(): Promise<void> {
    await this.#end();
    await this.#run(['-loadvm', SNAPSHOT]);
    if (this.#isPaused) await this.#tell('stop');
    const answer = await this.ask('', AWAKE_LIMIT_MS);
    if (answer.kind !== 'answered') throw new Error(`set back: ${this.lastWords(answer)}`);
  }

  /** Makes it stand still: no time passes in it, and none of what `ask` waits. */
  pause(): void {
    this.#isPaused = true;
    this.#tell('stop').catch(() => undefined);
  }

  resume(): void {
    this.#isPaused = false;
    this.#tell('cont').catch(() => undefined);
  }

  /** Ends QEMU and removes its files. */
  async stop(): Promise<void> {
    await this.#end();
    this.#takeDown();
    process.off('exit', this.#takeDown);
  }

  /** Starts QEMU with these further words, and opens its ports. */
  async #run(more: readonly string[]): Promise<void> {
    this.#console = '';
    this.#failure = null;
    const words = [...qemuArguments(this.#request, this.#folder), ...more];
    const qemu = spawn(QEMU, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#qemu = qemu;
    qemu.stdout.on('data', (chunk: Buffer) => {
      this.#console += chunk.toString('latin1');
    });
    qemu.once('error', ({ message }) => {
      this.#failure ??= message;
    });
    qemu.once('close', (status, signal) => {
      this.#failure ??= `QEMU ended with ${status ?? signal}`;
    });
    this.#port = await connectTo(join(this.#folder, 'port'));
    this.#port.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#lines = null;
    });
    // A QEMU that is killed resets it; who waits for an answer sees its end otherwise.
    this.#port.on('error', () => undefined);
    this.#monitor = await Monitor.connect(join(this.#folder, 'monitor'));
  }

  /** Ends QEMU, whatever state it is in. */
  async #end(): Promise<void> {
    this.#port?.destroy();
    this.#monitor?.close();
    const qemu = this.#qemu;
    if (qemu !== null && qemu.exitCode === null && qemu.signalCode === null) {
      const closed = new Promise((resolve) => qemu.once('close', resolve));
      qemu.kill('SIGKILL');
      await closed;
    }
    for (const name of ['port', 'monitor']) rmSync(join(this.#folder, name), { force: true });
  }

  async #read(timeoutMs: number): Promise<Answer> {
    let waitedMs = 0;
    for (let last = performance.now(); ; ) {
      const lines = this.#linesNow();
      const mark = lines.findIndex((line) => line.startsWith(MARK.ready));
      if (mark >= 0) return { kind: 'answered', lines: lines.slice(0, mark) };
      const death = signOfDeath(this.#console);
      if (death !== null) {
        await sleep(LAST_WORDS_MS);
        return { kind: 'died', lines: this.#linesNow(), reason: death };
      }
      const end = lines.findIndex((line) => line.startsWith(MARK.end));
      if (end >= 0) {
        const status = Number(lines[end]?.slice(MARK.end.length));
        return { kind: 'ended', lines: lines.slice(0, end), status };
      }
      if (this.#failure !== null) return { kind: 'lost', lines, reason: this.#failure };
      if (waitedMs > timeoutMs) return { kind: 'timeout', lines };
      await sleep(POLL_MS);
      const now = performance.now();
      if (!this.#isPaused) waitedMs += now - last;
      last = now;
    }
  }

  /** The lines received since the last question, without empty ones. The last may not be whole. */
  #linesNow(): readonly string[] {
    this.#lines ??= this.#received
      .toString('utf8')
      .replaceAll('\r', '')
      .split('\n')
      .filter((line) => line !== '');
    return this.#lines;
  }

  /** Has QEMU's monitor carry out a command. */
  async #tell(line: string): Promise<void> {
    const reply = await this.#monitor?.ask({
      execute: 'human-monitor-command',
      arguments: { 'command-line': line },
    });
    if (!/"return": ""/.test(reply ?? '')) throw new Error(`QEMU said to ${line}: ${reply}`);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
