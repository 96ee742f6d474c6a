import { spawn } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { gunzipSync } from 'node:zlib';
import { cacheFolder } from './cache.js';
import { type ArchiveEntry, cpioArchive } from './cpio.js';
import { type Dom0, MARK } from './initramfs.js';
import type { Pausable } from './measuring.js';
import { Monitor } from './monitor.js';

/** The result port is looked at this often. */
const POLL_MS = 50;
/** After a sign of death, this long for the rest of the hypervisor's last words. */
const LAST_WORDS_MS = 500;

/** What Xen or dom0's kernel prints when it is over. */
const DEATH = [
  /FATAL PAGE FAULT/,
  /FATAL TRAP/,
  /\*\*\* DOUBLE FAULT \*\*\*/,
  /^\(XEN\) Panic on CPU/m,
  /Xen BUG at/,
  /Reboot in (five|ten) seconds/,
  /Hardware Dom0 (crashed|halted with)/,
  /Kernel panic - not syncing/,
];

// A signal would end this process without the 'exit' hooks by which QEMU is taken down.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

/** How to run one machine. */
export interface BootRequest {
  /** The hypervisor as packaged: gzipped. */
  readonly hypervisor: string;
  readonly dom0: Dom0;
  /** Second layer of the initramfs: files under test. */
  readonly files: readonly ArchiveEntry[];
  /** Shell script that runs in dom0; its output is the result. */
  readonly command: string;
  readonly timeoutMs: number;
  /** Further words for Xen's command line. */
  readonly xenOptions?: string;
  /** Called when the machine starts and when it is gone. */
  readonly onStart?: (machine: Pausable) => void;
  readonly onEnd?: (machine: Pausable) => void;
  /** Called with each line of the result as it arrives. */
  readonly onLine?: (line: string, machine: Pausable) => void;
}

export type BootEnd =
  /** The command ended; its exit status. */
  | { readonly kind: 'ended'; readonly status: number }
  /** The hypervisor (or dom0's kernel) died; the line that says so. */
  | { readonly kind: 'died'; readonly reason: string }
  | { readonly kind: 'timeout' }
  /** QEMU ended before the command did, for no reason found on the console. */
  | { readonly kind: 'lost'; readonly reason: string };

/** What came of one machine. */
export interface BootOutcome {
  readonly end: BootEnd;
  /** Lines the command printed, without the rig's marks. */
  readonly lines: readonly string[];
  /** Everything on the first serial port: Xen, and dom0's kernel. */
  readonly console: string;
  /** From the start of QEMU to the first line of the command, and to the end. */
  readonly bootMs: number;
  readonly totalMs: number;
}

/** The initramfs of one machine: the dom0, the files under test, and the command. */
export async function writeInitramfs(target: string, request: BootRequest): Promise<void> {
  const command: ArchiveEntry = {
    path: 'rig/command',
    kind: 'file',
    bytes: Buffer.from(request.command),
  };
  await pipeline(createReadStream(request.dom0.baseInitramfs), createWriteStream(target));
  writeFileSync(target, cpioArchive([...request.files, command]), { flag: 'a' });
}

/** QEMU's words for a machine with this Xen and dom0; its serial ports are the caller's. */
export function xenArguments(request: BootRequest, folder: string): string[] {
  // Xen has two CPUs, which have to meet for every action. A dom0 with two let a third of its programs that
  // ran WebAssembly die of SIGSEGV (QEMU 7.2), and QEMU with one thread for both never let them meet in time
  // in a sixth of the actions; with one CPU for dom0, neither was seen.
  const xen = `console=com1 com1=115200,8n1 dom0_mem=2048M dom0_max_vcpus=1 loglvl=all guest_loglvl=all ${request.xenOptions ?? ''}`;
  // Its kernel would look at each of its pages for a second before it protects them.
  const kernel = `${request.dom0.kernel} console=hvc0 earlyprintk=xen rodata=off`;
  // `-cpu max` has features that Xen under TCG does not survive; qemu64 has not.
  return [
    ...['-machine', 'q35', '-cpu', 'qemu64', '-accel', 'tcg,thread=multi'],
    ...['-smp', '2', '-m', '3072', '-nographic', '-nodefaults', '-no-reboot'],
    ...['-kernel', join(folder, 'xen'), '-append', xen.trim()],
    ...['-initrd', `${kernel},${join(folder, 'initramfs')}`],
  ];
}

function qemuArguments(request: BootRequest, folder: string): string[] {
  const result = join(folder, 'result');
  return [
    ...xenArguments(request, folder),
    ...['-serial', 'stdio', '-serial', `file:${result}`],
    ...['-qmp', `unix:${join(folder, 'monitor')},server=on,wait=off`],
  ];
}

/** Reads what was added to a growing file since the last call. */
class Tail {
  readonly #file: number;
  readonly #chunk = Buffer.alloc(64 * 1024);
  #position = 0;

  constructor(path: string) {
    writeFileSync(path, '');
    this.#file = openSync(path, 'r');
  }

  read(): string {
    let text = '';
    for (;;) {
      const length = readSync(this.#file, this.#chunk, 0, this.#chunk.length, this.#position);
      if (length === 0) return text;
      this.#position += length;
      text += this.#chunk.toString('latin1', 0, length);
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Makes a machine stand still and go on through its control port, which is opened when it is first needed. */
class Control implements Pausable {
  readonly #path: string;
  #done: Promise<unknown> = Promise.resolve();
  #monitor: Promise<Monitor> | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  pause(): void {
    this.#tell('stop');
  }

  resume(): void {
    this.#tell('cont');
  }

  close(): void {
    this.#monitor?.then((monitor) => monitor.close()).catch(() => undefined);
  }

  #tell(execute: string): void {
    this.#done = this.#done
      .then(async () => {
        this.#monitor ??= Monitor.connect(this.#path);
        await (await this.#monitor).ask({ execute });
      })
      // A QEMU that is gone needs no telling.
      .catch(() => undefined);
  }
}

/** The line of a console that says that Xen or dom0's kernel is dead; null while they live. */
export function signOfDeath(text: string): string | null {
  for (const pattern of DEATH) {
    const match = pattern.exec(text);
    if (!match) continue;
    const start = text.lastIndexOf('\n', match.index) + 1;
    return text.slice(start, text.indexOf('\n', match.index) >>> 0).trim();
  }
  return null;
}

/**
 * Boots a real Xen with its dom0 in QEMU, runs the command and gives what it printed. QEMU is gone
 * when this returns, however it went.
 */
export async function boot(request: BootRequest): Promise<BootOutcome> {
  const folder = mkdtempSync(join(cacheFolder('run'), 'boot-'));
  writeFileSync(join(folder, 'xen'), gunzipSync(readFileSync(request.hypervisor)));
  await writeInitramfs(join(folder, 'initramfs'), request);
  const tail = new Tail(join(folder, 'result'));
  const started = performance.now();
  const since = (): number => performance.now() - started;
  const qemu = spawn('qemu-system-x86_64', qemuArguments(request, folder), {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killQemu = (): void => void qemu.kill('SIGKILL');
  const takeDown = (): void => {
    killQemu();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', takeDown);

  let serial = '';
  let failure: string | null = null;
  let exited = false;
  const gone = new Promise<void>((resolve) => {
    qemu.once('error', (error) => {
      failure = error.message;
      exited = true;
      resolve();
    });
    qemu.once('close', (status, signal) => {
      failure ??= `QEMU ended with ${status ?? signal}`;
      exited = true;
      resolve();
    });
  });
  qemu.stdout.on('data', (chunk: Buffer) => {
    serial += chunk.toString('latin1');
  });
  qemu.stderr.on('data', (chunk: Buffer) => {
    failure = `QEMU: ${chunk.toString('utf8').trim()}`;
  });

  const control = new Control(join(folder, 'monitor'));
  const lines: string[] = [];
  let rest = '';
  let bootMs = Number.NaN;
  let status: number | null = null;
  const takeLines = (): void => {
    const parts = (rest + tail.read()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const line = Buffer.from(part.replace(/\r$/, ''), 'latin1').toString('utf8');
      if (line.startsWith(MARK.begin)) bootMs = since();
      else if (line.startsWith(MARK.end)) status = Number(line.slice(MARK.end.length));
      else {
        lines.push(line);
        request.onLine?.(line, control);
      }
    }
  };
  const wait = (ms: number): Promise<unknown> =>
    Promise.race([gone, new Promise((resolve) => setTimeout(resolve, ms))]);

  let end: BootEnd | null = null;
  try {
    request.onStart?.(control);
    while (end === null) {
      await wait(POLL_MS);
      takeLines();
      const death = status === null ? signOfDeath(serial) : null;
      if (status !== null) end = { kind: 'ended', status };
      else if (death !== null) {
        await wait(LAST_WORDS_MS);
        end = { kind: 'died', reason: death };
      } else if (exited) end = { kind: 'lost', reason: failure ?? 'QEMU ended' };
      else if (since() > request.timeoutMs) end = { kind: 'timeout' };
    }
    takeLines();
    if (rest !== '') lines.push(rest);
  } finally {
    control.close();
    killQemu();
    await gone;
    request.onEnd?.(control);
    process.off('exit', takeDown);
    tail.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return { end, lines, console: serial, bootMs, totalMs: since() };
}
