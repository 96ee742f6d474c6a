import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openHost } from '../../core/host/index.js';
import { MemoryStore, ModelPort } from '../../core/hypervisor/embedded/index.js';
import type { Action } from '../../core/hypervisor/index.js';
import { type Call, callsIn, injecting } from './inject.js';
import { type Run, runProgram } from './program.js';
import type { Scenario } from './scenarios.js';
import { NONE, type Truth, truthIn, truthOf } from './truth.js';
import { endWaiting, makeOverdue } from './waiting.js';

/** A scenario whose state before is at hand, with all that its command may leave. */
export interface Prepared {
  readonly scenario: Scenario;
  /** A state folder that is copied for each trial; there is none where nothing was set up. */
  readonly base: string;
  readonly before: Truth;
  readonly after: Truth;
  /** Before, after, and after each step between them. */
  readonly legal: readonly Truth[];
  /** What the command does to its state when nothing goes wrong. */
  readonly calls: readonly Call[];
}

/** Sets the scenario up and runs its command once without a fault. Fails where that does not work. */
export async function prepare(
  scenario: Scenario,
  folder: string,
  reads: boolean,
): Promise<Prepared> {
  const base = join(folder, `${scenario.name}-base`);
  rmSync(base, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const words of scenario.setup) requireDone(await runProgram(words, base), words);
  if (scenario.interrupted !== undefined) await interrupt(scenario.interrupted, base);
  endWaiting(base);
  if (scenario.isOverdue === true) makeOverdue(base);
  const before = await truthOf(base);
  const between = scenario.hasPlan ? await statesBetween(scenario, base) : [];

  const state = join(folder, `${scenario.name}-once`);
  const log = join(folder, `${scenario.name}-calls`);
  reset(base, state);
  const { command } = scenario;
  requireDone(await runProgram(command, state, injecting(state, log, null, reads)), command);
  const after = await truthOf(state);
  const calls = callsIn(log);
  if (calls.length === 0)
    throw new Error(`${scenario.name}: no call was seen, is the program static?`);
  const last = between.at(-1);
  if (last !== undefined && last.print !== after.print) {
    throw new Error(
      `${scenario.name}: its plan ends as ${last.text}, the command as ${after.text}`,
    );
  }
  return { scenario, base, before, after, legal: [before, ...between, after], calls };
}

/** Runs a command on a state, and kills it after half of what it does. */
async function interrupt(words: Scenario['command'], base: string): Promise<void> {
  const [state, log] = [`${base}-whole`, `${base}-calls`];
  reset(base, state);
  requireDone(await runProgram(words, state, injecting(state, log, null, false)), words);
  const calls = callsIn(log).filter(({ changes }) => changes);
  const middle = calls[Math.floor(calls.length / 2)];
  if (middle === undefined) throw new Error(`${words.join(' ')} changes nothing`);
  const before = await truthOf(base);
  const kill = { at: middle.at, how: 'after', lasting: false, reads: false } as const;
  const { signal } = await runProgram(words, base, injecting(base, log, kill));
  if (signal !== 'SIGKILL' || (await truthOf(base)).print === before.print) {
    throw new Error(`${words.join(' ')} was not killed in the middle`);
  }
}

/** Makes `state` a copy of the state before. */
export function reset(base: string, state: string): void {
  endWaiting(state);
  rmSync(state, { recursive: true, force: true });
  if (!existsSync(base)) return;
  // The lock of one that was killed: no copy of a socket is one.
  cpSync(base, state, { recursive: true, filter: (path) => !lstatSync(path).isSocket() });
}

/** True where the scenario begins with a hypervisor. */
export function beginsWithOne({ before }: Prepared): boolean {
  return before.print !== NONE;
}

interface PlannedStep {
  readonly action: 'upload' | 'apply' | 'revert' | 'replace' | 'unload' | 'none';
  readonly name: string;
  readonly file?: string;
  readonly nodeps?: boolean;
}

/** The states after each step of the command's plan, made in memory: nothing of what is tried has a hand in it. */
async function statesBetween(scenario: Scenario, base: string): Promise<readonly Truth[]> {
  const words = [...(scenario.plan ?? scenario.command), '--dry-run', '--json'];
  const dry = await runProgram(words, base);
  requireDone(dry, words);
  const { plan } = JSON.parse(dry.stdout) as { plan: { steps: readonly PlannedStep[] } };
  const host = await openHost({ kind: 'embedded', directory: base });
  const { model } = await host.preflightModel(await host.port.observe(), []);
  if (model === null) throw new Error('an embedded hypervisor without a model');
  const store = new MemoryStore(model, 'in memory');
  const port = new ModelPort(host.port.host, store);
  const states: Truth[] = [];
  for (const step of plan.steps) {
    if (step.action === 'none') continue;
    const options = { timeoutNs: 0, nodeps: step.nodeps ?? false };
    const { hypercallRc, payloadRc } =
      step.action === 'upload'
        ? await port.upload(step.name, readFileSync(step.file ?? ''))
        : await port.act(step.name, step.action.toUpperCase() as Action, options);
    if (hypercallRc !== 0 || (payloadRc ?? 0) !== 0) throw new Error(`${step.action} ${step.name}`);
    states.push(truthIn(await store.read(), await port.observe()));
  }
  await host.port.close();
  return states;
}

function requireDone({ code, signal, stderr, stdout }: Run, words: readonly string[]): void {
  if (code !== 0)
    throw new Error(
      `without a fault, ${words.join(' ')} ends with ${code ?? signal}: ${stderr || stdout}`,
    );
}
