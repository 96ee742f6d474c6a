import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../support/repository.js';

/** What a call is made to do; see calls.c. An errno or a signal goes by its name. */
export type How = 'kill' | 'after' | 'half' | 'stop' | `E${string}` | `SIG${string}`;

/** One call that goes wrong. */
export interface Injection {
  /** Number of the call, from 1. */
  readonly at: number;
  readonly how: How;
  /** True where every later call goes wrong too. */
  readonly lasting: boolean;
  /** True where calls that only read are counted. */
  readonly reads: boolean;
}

/** One call of the program on its state. */
export interface Call {
  readonly at: number;
  readonly changes: boolean;
  /** What it does to what, the same for all blobs and all numbers: `rename BLOB`. */
  readonly kind: string;
  readonly isWrite: boolean;
}

/** The preloaded library, compiled from calls.c when that is new. Fails where there is no gcc. */
export function callLibrary(): string {
  const source = join(repositoryRoot(), 'test', 'faults', 'calls.c');
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const folder = join(repositoryRoot(), '.cache', 'faults');
  const library = join(folder, `calls-${digest}.so`);
  if (existsSync(library)) return library;
  mkdirSync(folder, { recursive: true });
  const draft = `${library}.${process.pid}`;
  const words = ['-O1', '-Wall', '-Wextra', '-fPIC', '-shared', '-o', draft, source];
  const { status, stderr, error } = spawnSync('gcc', [...words, '-ldl', '-lpthread'], {
    encoding: 'utf8',
  });
  if (error !== undefined || status !== 0) throw new Error(`gcc: ${error?.message ?? stderr}`);
  renameSync(draft, library);
  return library;
}

/** Environment of a run whose calls are counted, and one of which goes wrong where `injection` says so. */
export function injecting(
  state: string,
  log: string,
  injection: Injection | null,
  reads = injection?.reads ?? false,
): NodeJS.ProcessEnv {
  rmSync(log, { force: true });
  return {
    ...preloaded(state),
    FAULTS_LOG: log,
    ...(reads ? { FAULTS_READS: '1' } : {}),
    ...(injection === null
      ? {}
      : { FAULTS_AT: String(injection.at), FAULTS_HOW: howText(injection.how) }),
    ...(injection?.lasting === true ? { FAULTS_LASTING: '1' } : {}),
  };
}

/** Environment of a process that has its own calls below `folder` counted and spoilt; see `injectingHere`. */
export function counting(folder: string, control: string): NodeJS.ProcessEnv {
  return { ...preloaded(folder), FAULTS_CONTROL: control };
}

/** Does something in this process, whose environment is that of `counting`, while its calls are counted and one of them goes wrong. */
export async function injectingHere<T>(
  control: string,
  log: string,
  { at, how, lasting, reads }: Injection,
  run: () => Promise<T>,
): Promise<T> {
  rmSync(log, { force: true });
  set(`${at} ${howText(how)} ${Number(lasting)} ${Number(reads)} ${log}`);
  try {
    return await run();
  } finally {
    set('0 none 0 0 -');
  }

  /** The library reads the file when it is opened to be read. */
  function set(text: string): void {
    writeFileSync(control, `${text}\n`);
    closeSync(openSync(control, 'r'));
  }
}

/** One call after the other, so that they have the same numbers in every run. */
function preloaded(below: string): NodeJS.ProcessEnv {
  return {
    LD_PRELOAD: callLibrary(),
    FAULTS_BELOW: below,
    UV_THREADPOOL_SIZE: '1',
    UV_USE_IO_URING: '0',
  };
}

/** The calls that a run made, in order. */
export function callsIn(log: string): readonly Call[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [at = '', access = '', call = '', ...name] = line.split(' ');
      const file = name
        .join(' ')
        .replace(/[0-9a-f]{64}/g, 'BLOB')
        .replace(/\.[0-9a-f]{12}\.new$/, '.new')
        .replace(/^lock\.\d+\.\d+\.[0-9a-f]{16}/, 'lock')
        .replace(/\d+/g, 'N');
      return {
        at: Number(at),
        changes: access === 'w',
        kind: `${call} ${file}`,
        isWrite: call.includes('write'),
      };
    });
}

function howText(how: How): string {
  const { errno, signals } = constants;
  const error = Object.entries(errno).find(([name]) => name === how)?.[1];
  if (error !== undefined) return `error:${error}`;
  const signal = Object.entries(signals).find(([name]) => name === how)?.[1];
  return signal === undefined ? how : `signal:${signal}`;
}
