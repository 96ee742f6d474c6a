/**
 * A fake of a booted Xen: the rules of core/verify answer, but where a script says otherwise. What the rules and a real Xen
 * make of each other is tried in test/rehearsal/main.ts.
 */
import { ModelPort } from '../../core/hypervisor/embedded/model-port.js';
import type { HypervisorPort, OperationResult } from '../../core/hypervisor/index.js';
import type { Stage, StageEnd, TestRun } from '../../core/rehearsal/index.js';
import type { Model } from '../../core/verify/index.js';

/** What happens instead, or after; an operation is called `apply hello`. */
export interface Script {
  readonly instead?:
    | ((operation: string) => Partial<OperationResult> | 'dies' | 'hangs' | null)
    | undefined;
  /** What the test says, by what is applied, the last on top. */
  readonly test?:
    | ((applied: readonly string[], run: number) => Partial<TestRun> & { text?: string })
    | undefined;
}

export interface ScriptedStage extends Stage {
  /** What was asked, in order. */
  readonly asked: readonly string[];
}

export function scriptedStage(start: Model, lost: () => Error, script: Script = {}): ScriptedStage {
  let model = start;
  let end: StageEnd | null = null;
  let runs = 0;
  const asked: string[] = [];
  const rules = new ModelPort(
    { spec: 'fake', tellsReverted: true, tellsPlaces: false },
    {
      version: '4.17.7',
      read: async () => model,
      async update(operation) {
        const done = operation(model);
        model = done.model;
        return done.value;
      },
      exclusive: (run) => run(),
    },
  );
  const asIs = async (operation: string, run: () => Promise<OperationResult>) => {
    asked.push(operation);
    const instead = script.instead?.(operation) ?? null;
    if (instead === 'dies' || instead === 'hangs') {
      if (instead === 'dies') end = { kind: 'died', reason: '(XEN) FATAL PAGE FAULT' };
      throw lost();
    }
    if (instead === null) return run();
    return { hypercallRc: 0, payloadRc: 0, log: [], elapsedMs: 1, ...instead };
  };
  const port: HypervisorPort = {
    host: rules.host,
    observe: () => rules.observe(),
    upload: (name, bytes) => asIs(`upload ${name}`, () => rules.upload(name, bytes)),
    act: (name, action, options) =>
      asIs(`${action.toLowerCase()} ${name}`, () => rules.act(name, action, options)),
    exclusive: (run) => run(),
    close: async () => undefined,
  };
  return {
    port,
    asked,
    async runTest() {
      const { payloads } = await rules.observe();
      const applied = payloads
        .filter(({ state }) => state === 'APPLIED')
        .sort((a, b) => (a.position ?? 0) - (b.position ?? 0))
        .map(({ name }) => name);
      const { text = applied.join(' '), ...rest } = script.test?.(applied, runs++) ?? {};
      const output = Buffer.from(text);
      return { status: 0, output, outputBytes: output.length, ...rest };
    },
    end: () => end,
    console: () => '',
    close: async () => undefined,
  };
}
