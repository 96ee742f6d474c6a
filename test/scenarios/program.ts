import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../../cli/program.js';
import { capturedStreams } from '../support/streams.js';
import type { Dom0 } from './scenario.js';

/** The program as it is shipped, beside this build. */
const PROGRAM = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));

/** Emulated CPUs of a busy machine need longer to meet than Xen's own 30 ms. */
export const PATIENT = ['--yes', '--timeout', '500'] as const;

/** How one run of the program ended. */
export interface ProgramEnd {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From its start to its end, node's own start included. */
  readonly elapsedMs: number;
}

/** A run of the program that is under way. */
export interface RunningProgram {
  readonly process: ChildProcess;
  readonly end: Promise<ProgramEnd>;
}

/** Starts the program as a user of dom0 would, with nothing to ask at. */
export function start(...args: readonly string[]): RunningProgram {
  const started = performance.now();
  const process_ = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  const chunks: { readonly stdout: Buffer[]; readonly stderr: Buffer[] } = {
    stdout: [],
    stderr: [],
  };
  process_.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  process_.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  const end = new Promise<ProgramEnd>((resolve, reject) => {
    process_.once('error', reject);
    process_.once('close', (status, signal) => {
      resolve({
        status,
        signal,
        stdout: Buffer.concat(chunks.stdout).toString('utf8'),
        stderr: Buffer.concat(chunks.stderr).toString('utf8'),
        elapsedMs: performance.now() - started,
      });
    });
  });
  return { process: process_, end };
}

/** Starts the program, which has to end with this status. */
export async function startTo(status: number, ...args: readonly string[]): Promise<ProgramEnd> {
  return expectStatus(status, args, await start(...args).end);
}

/**
 * Runs a command in this process, which has to end with this status: it does all that the program does but
 * start, on which an emulated CPU spends a second or two each time.
 */
export async function runTo(status: number, ...args: readonly string[]): Promise<ProgramEnd> {
  const started = performance.now();
  const { streams, stdout, stderr } = capturedStreams({ ...process.env, NO_COLOR: '1' });
  const got = await runProgram(args, streams);
  const elapsedMs = performance.now() - started;
  const end = {
    status: got,
    signal: null,
    stdout: stdout(),
    stderr: stderr(),
    elapsedMs,
  };
  return expectStatus(status, args, end);
}

function expectStatus(status: number, args: readonly string[], end: ProgramEnd): ProgramEnd {
  assert.equal(end.status, status, `${args.join(' ')}\n${wordsOf(end)}`);
  return end;
}

/** What a run printed, to be shown where it was not as expected. */
export function wordsOf({ status, signal, stdout, stderr }: ProgramEnd): string {
  return `ended with ${status ?? signal}\n${stdout}\n${stderr}`;
}

/** One payload of `list --json`. */
export interface ListedPayload {
  readonly name: string;
  readonly state: string;
  readonly rc: number;
  readonly buildId: string | null;
  readonly depends: string | null;
  readonly position: number | null;
}

/** What `list --json` says, the payloads in its order. */
export interface Listed {
  readonly host: string;
  readonly hypervisor: { readonly buildId: string | null; readonly version: string };
  readonly payloads: readonly ListedPayload[];
}

/** The applied payloads of a list, base first. */
export function stackIn({ payloads }: Listed): readonly ListedPayload[] {
  const applied = payloads.filter(({ state }) => state === 'APPLIED');
  return applied.toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0));
}

/** The applied payloads of `list --json`, base first. */
export async function listedStack(): Promise<readonly ListedPayload[]> {
  return stackIn(JSON.parse((await runTo(0, 'list', '--json')).stdout));
}

/** A new folder with these members of the family, each under the file name given for it. */
export function folderOf(
  dom0: Dom0,
  files: Iterable<readonly [member: string, name: string]>,
): string {
  const folder = mkdtempSync('/tmp/payloads-');
  for (const [member, name] of files) {
    writeFileSync(join(folder, `${name}.livepatch`), dom0.family.bytes(member));
  }
  return folder;
}
