import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectTo } from './connect-to.js';
import { type ArchiveEntry, cpioArchive } from './cpio.js';
import { signOfDeath } from './death.js';
import { type BootFiles, PROGRAM_ENDED } from './dom0.js';
import { QEMU, qemuWords } from './qemu.js';
import { Unavailable } from './run.js';

/** What to boot. */
export interface BootRequest {
  readonly accelerator: 'kvm' | 'tcg';
  /** As an ELF file, not gzipped. */
  readonly hypervisor: Uint8Array;
  readonly dom0: BootFiles;
  /** Further files of the dom0; one of them is DOM0_PROGRAM. */
  readonly files: readonly ArchiveEntry[];
}

/** How a machine ended. */
export interface MachineEnd {
  /** `died`: Xen or dom0's kernel said so. `lost`: QEMU ended, or was ended. */
  readonly kind: 'died' | 'lost';
  /** The line that says it; untrusted where it died. */
  readonly reason: string;
}

/** After a sign of death, this long for the rest of the last words. */
const LAST_WORDS_MS = 250;
/** The end of the console is kept, and searched for signs of death. */
const MOST_CONSOLE = 256 * 1024;
const MOST_LINE = 512;
const MOST_WORDS = 16 * 1024;
const MEMORY = { memoryMib: 1024, dom0MemoryMib: 640 };
const PROGRAM_ENDS = new RegExp(`^${PROGRAM_ENDED} \\d+`, 'm');
/** What QEMU says where the processor does not do what it is asked for; it then stands still. */
const KVM_FAILED = /^KVM internal error.*$/m;

/**
 * Runs QEMU until it ends, or until the third descriptor is closed, which it is when this program is gone, however it went;
 * then its folder goes too. The shell says that QEMU was killed: nobody may be there to hear it.
 */
const WHILE_WE_LIVE = `folder=$PWD
"$@" </dev/null 3<&- & qemu=$!
{ cat >/dev/null; kill -9 $qemu; } <&3 2>/dev/null & watch=$!
trap '' PIPE
wait $qemu; status=$?
kill $watch 2>/dev/null
cd / && rm -rf "$folder"
exit $status`;

/** A hypervisor with its dom0 in QEMU, of which a program in dom0 is heard and told by a pair of streams. */
export class BootedMachine {
  /** Leads to the program in dom0. */
  readonly port: Socket;
  readonly #folder: string;
  readonly #qemu: ChildProcess;
  readonly #listeners: ((end: MachineEnd) => void)[] = [];
  #console = '';
  #words = '';
  #end: MachineEnd | null = null;
  #isDying = false;

  private constructor(folder: string, qemu: ChildProcess, port: Socket) {
    this.#folder = folder;
    this.#qemu = qemu;
    this.port = port;
  }

  /** Starts it; the program is heard once it is up. Fails with `rehearsal-unavailable` where QEMU does not start. */
  static async start({
    accelerator,
    hypervisor,
    dom0,
    files,
  }: BootRequest): Promise<BootedMachine> {
    const folder = mkdtempSync(join(tmpdir(), 'xsplice-boot-'));
    let qemu: ChildProcess | null = null;
    try {
      writeFileSync(join(folder, 'xen'), hypervisor);
      copyFileSync(dom0.kernel, join(folder, 'kernel'));
      copyFileSync(dom0.initramfs, join(folder, 'initramfs'));
      appendFileSync(join(folder, 'initramfs'), cpioArchive(files));
      const names = { hypervisor: 'xen', kernel: 'kernel', initramfs: 'initramfs', port: 'port' };
      const { channel } = dom0;
      const words = qemuWords({
        ...{ accelerator, channel, ...MEMORY, ...names, xenOptions: 'noreboot' },
      });
      const command = [QEMU, ...words, '-no-reboot', '-monitor', 'none'];
      qemu = spawn('/bin/sh', ['-c', WHILE_WE_LIVE, 'sh', ...command], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        // Signals from the terminal are for this program.
        detached: true,
      });
      const child = qemu;
      // Else it would never be closed: this end is ours.
      child.once('exit', () => child.stdio[3]?.destroy());
      return await BootedMachine.#connected(folder, child);
    } catch (error) {
      qemu?.stdio[3]?.destroy();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  static async #connected(folder: string, qemu: ChildProcess): Promise<BootedMachine> {
    let words = '';
    const hear = (chunk: Buffer) => {
      words += chunk.toString('utf8');
    };
    qemu.stderr?.on('data', hear);
    const ended = new Promise<never>((_, reject) => {
      const fail = (how: string) => {
        const said = words.trim().split('\n').slice(-3).join('\n');
        reject(new Unavailable(`${QEMU} ${how}${said === '' ? '' : `: ${said}`}`));
      };
      qemu.once('error', ({ message }) => fail(`could not be started: ${message}`));
      qemu.once('close', (status) => fail(`ended with ${status}`));
    });
    const stop = new AbortController();
    ended.catch(() => stop.abort());
    const connecting = connectTo(join(folder, 'port'), stop.signal);
    connecting.catch(() => undefined);
    const port = await Promise.race([connecting, ended]);
    qemu.stderr?.off('data', hear);
    const machine = new BootedMachine(folder, qemu, port);
    machine.#words = words;
    machine.#listen();
    return machine;
  }

  /** The end of what Xen and dom0's kernel printed; untrusted. */
  get console(): string {
    return this.#console;
  }

  /** How it ended; null while it runs. */
  get end(): MachineEnd | null {
    return this.#end;
  }

  /** Is called once it ends, at once where it has. */
  onEnd(listener: (end: MachineEnd) => void): void {
    if (this.#end === null) this.#listeners.push(listener);
    else listener(this.#end);
  }

  /** Ends QEMU and removes its files. Safe to call twice. */
  async stop(): Promise<void> {
    this.#finish({ kind: 'lost', reason: 'it was stopped' });
    this.port.destroy();
    const { exitCode, signalCode } = this.#qemu;
    if (exitCode === null && signalCode === null) {
      const closed = new Promise((resolve) => this.#qemu.once('close', resolve));
      this.#qemu.stdio[3]?.destroy();
      await closed;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #listen(): void {
    const { stdout, stderr } = this.#qemu;
    stdout?.on('data', (chunk: Buffer) => {
      this.#console = (this.#console + chunk.toString('latin1')).slice(-MOST_CONSOLE);
      // What is new, and the line that it goes on with.
      const latest = this.#console.slice(-chunk.length - MOST_LINE);
      const death = this.#isDying ? null : signOfDeath(latest);
      if (death !== null) this.#dieOf({ kind: 'died', reason: death });
      const ended = PROGRAM_ENDS.exec(latest);
      if (ended !== null) this.#finish({ kind: 'lost', reason: ended[0] });
    });
    stderr?.on('data', (chunk: Buffer) => {
      this.#words = (this.#words + chunk.toString('utf8')).slice(-MOST_WORDS);
      this.#hearQemu();
    });
    this.#hearQemu();
    // A QEMU that ends resets it; that is seen otherwise.
    this.port.on('error', () => undefined);
    this.#qemu.on('close', (status) => {
      const last = this.#words.trim().split('\n').at(-1) ?? '';
      const said = last === '' ? '' : `: ${last}`;
      this.#finish({ kind: 'lost', reason: `${QEMU} ended with ${status}${said}` });
    });
  }

  #hearQemu(): void {
    const failed = KVM_FAILED.exec(this.#words);
    if (failed !== null) this.#finish({ kind: 'lost', reason: failed[0] });
  }

  /** Tells it when the last words are there. */
  #dieOf(end: MachineEnd): void {
    this.#isDying = true;
    setTimeout(() => this.#finish(end), LAST_WORDS_MS);
  }

  #finish(end: MachineEnd): void {
    if (this.#end !== null) return;
    this.#end = end;
    for (const listener of this.#listeners) listener(end);
  }
}
