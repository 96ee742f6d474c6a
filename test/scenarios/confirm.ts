import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PATIENT, runTo, start, startTo } from './program.js';
import type { Dom0, Scenario } from './scenario.js';

const FOLDER = '/var/lib/xsplice-ts/host/confirm';
/** Longer than a change waits here, and an emulated machine needs to notice. */
const PATIENCE_MS = 90_000;

/** The process that waits, by the name of its lock; null where none does. */
function waitingProcess(): number | null {
  const names = existsSync(FOLDER) ? readdirSync(FOLDER) : [];
  const numbers = names.map((name) => Number(/^lock\.\d+\.(\d+)\.[0-9a-f]+$/.exec(name)?.[1]));
  return numbers.find((number) => existsSync(`/proc/${number}`)) ?? null;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(200)) {
    if (await holds()) return;
  }
  assert.fail(`not in time: ${what}`);
}

async function isEmpty(dom0: Dom0): Promise<boolean> {
  return (await dom0.port.observe()).payloads.length === 0;
}

async function statusText(): Promise<string> {
  return (await runTo(4, 'status')).stdout;
}

/** A change that is taken back unless somebody confirms it. */
export const CONFIRM_SCENARIOS: readonly Scenario[] = [
  {
    name: 'confirm: what nobody confirms is taken back, though its manager is killed',
    run: async (dom0) => {
      const original = await dom0.extraVersion();
      const words = ['apply', dom0.family.path('hello'), '--confirm', '5', ...PATIENT];
      await startTo(0, ...words);
      assert.equal(await dom0.extraVersion(), '-hello');
      await until('it is taken back', () => isEmpty(dom0));
      assert.equal(await dom0.extraVersion(), original);
      await until('nobody waits', async () => waitingProcess() === null);
      const { entries } = JSON.parse((await runTo(0, 'history', '--json')).stdout);
      const { verb, state } = entries.at(-1);
      assert.deepEqual([verb, state], ['take-back', 'done']);

      const manager = start(...words);
      await until('it is applied', async () => !(await isEmpty(dom0)));
      manager.process.kill('SIGKILL');
      await manager.end;
      await until('it is taken back', () => isEmpty(dom0));
      assert.equal(await dom0.extraVersion(), original);
    },
  },
  {
    name: 'confirm: confirmed it stays, also where who would take it back was killed, which is said',
    run: async (dom0) => {
      await startTo(0, 'apply', dom0.family.path('hello'), '--confirm', '600', ...PATIENT);
      assert.match(await statusText(), /Change \d+ is taken back in \d+ s/);
      const pid = waitingProcess();
      assert.ok(pid !== null);
      process.kill(pid, 'SIGKILL');
      await until('it is dead', async () => waitingProcess() === null);
      assert.match(await statusText(), /is not confirmed, and nobody will take it back/);
      await runTo(0, 'confirm');
      assert.deepEqual(await dom0.stack(), ['hello']);
      assert.doesNotMatch(await statusText(), /is not confirmed|is taken back in/);
    },
  },
];
