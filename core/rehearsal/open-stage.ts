import { setTimeout as pause } from 'node:timers/promises';
import { errnoName } from '../abi/errno.js';
import { BootedMachine, type BootRequest, DOM0_PROGRAM, type MachineEnd } from '../boot/index.js';
import { XspliceError } from '../findings/index.js';
import {
  type AgentConnection,
  agentSource,
  type Carrier,
  connectOver,
  openRemoteXen,
} from '../hypervisor/xen/index.js';
import { encodeStart, KILL, LOOK, RUNNER, readLook } from './runner.js';
import type { Stage, TestRun } from './stage.js';

/** A script or program that is run in dom0. */
export interface TestFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** What to boot, and what to bring along. */
export interface StageRequest extends Omit<BootRequest, 'files'> {
  readonly tests: readonly TestFile[];
  readonly bootLimitMs: number;
  /** Ends it, whatever it does. */
  readonly signal?: AbortSignal;
}

/** A stage, and how long it took until hypercalls could be made. */
export interface OpenStage extends Stage {
  readonly bootMs: number;
}

/** A test is looked at this often: first soon, later less so. */
const FIRST_LOOK_MS = 10;
const MOST_LOOK_MS = 250;

/**
 * Boots a hypervisor with a dom0 in which an agent makes hypercalls and runs tests. Fails with `rehearsal-not-booted` where
 * it does not come up, with `rehearsal-unavailable` where QEMU does not, and with `rehearsal-stopped` by the signal.
 */
export async function openStage(request: StageRequest): Promise<OpenStage> {
  const { tests, bootLimitMs, signal, ...boot } = request;
  if (signal?.aborted) throw stopped();
  const started = performance.now();
  const program = (path: string, text: string | Uint8Array) =>
    ({ path, kind: 'file', bytes: Buffer.from(text), mode: 0o755 }) as const;
  const machine = await BootedMachine.start({
    ...boot,
    files: [
      program(DOM0_PROGRAM, RUNNER),
      program('boot/agent.py', agentSource()),
      ...tests.map(({ bytes }, index) => program(`boot/tests/${index}`, bytes)),
    ],
  });
  const stop = () => void machine.stop();
  signal?.addEventListener('abort', stop);
  let isLate = false;
  const late = setTimeout(() => {
    isLate = true;
    stop();
  }, bootLimitMs);
  try {
    signal?.throwIfAborted();
    const connection = await connectOver(carrierOf(machine));
    const { port } = await openRemoteXen(connection);
    const bootMs = performance.now() - started;
    return {
      ...{ port, bootMs },
      runTest: (index, limitMs) => runTest(connection, tests[index], index, limitMs),
      end: () => machine.end,
      console: () => machine.console,
      async close() {
        signal?.removeEventListener('abort', stop);
        await machine.stop();
      },
    };
  } catch (error) {
    const { end } = machine;
    await machine.stop();
    if (signal?.aborted) throw stopped();
    if (end === null || !(error instanceof XspliceError)) throw error;
    const how = isLate ? `it did not within ${bootLimitMs / 1000} s` : end.reason;
    throw new XspliceError('rehearsal-not-booted', `Xen did not come up: ${how}`, {
      hint: `The end of its console:\n${lastLines(machine.console)}`,
    });
  } finally {
    clearTimeout(late);
  }
}

const MOST_LINES = 12;

function lastLines(console: string): string {
  return console.trimEnd().split(/\r?\n/).slice(-MOST_LINES).join('\n');
}

export function stopped(): XspliceError {
  return new XspliceError('rehearsal-stopped', 'The rehearsal was stopped');
}

function carrierOf(machine: BootedMachine): Carrier {
  const failure = ({ reason }: MachineEnd) => new XspliceError('rehearsal-lost', reason);
  return {
    spec: 'the rehearsal',
    input: machine.port,
    output: machine.port,
    processId: undefined,
    hasEnded: () => machine.end !== null,
    onEnd: (listener) => machine.onEnd((end) => listener(() => failure(end))),
    // Who has it stops it.
    kill: () => undefined,
  };
}

async function runTest(
  connection: AgentConnection,
  test: TestFile | undefined,
  index: number,
  limitMs: number,
): Promise<TestRun> {
  const errno = (await connection.request(encodeStart(index))).readInt32LE(0);
  if (errno !== 0) {
    throw new XspliceError(
      'test-not-run',
      `${test?.file} cannot be started in the rehearsal's dom0: ${errnoName(errno)}`,
    );
  }
  const deadline = performance.now() + limitMs;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, MOST_LOOK_MS)) {
    await pause(waitMs);
    const look = readLook(await connection.request(LOOK));
    if (look === null) throw new XspliceError('agent-bad-frame', 'An answer about a test is short');
    const { isRunning, status, output, outputBytes } = look;
    if (!isRunning) return { status, output, outputBytes };
    if (performance.now() < deadline) continue;
    await connection.request(KILL);
    return { status: null, output, outputBytes };
  }
}
