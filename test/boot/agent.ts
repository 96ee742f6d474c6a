/**
 * Runs in dom0 under the rig: each line is a question in JSON, and what came of it is one line.
 *
 *   {"words": ["apply", …]}   runs the shipped program, and says how many steps it has begun
 *   {"cycles": 1000}          applies and reverts a payload so often, in this process
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { say, serve } from '../../rig/agent.js';
import { PATIENT, runTo, start } from '../scenarios/program.js';
import { isToBeSeen } from '../support/cycles.js';
import { INTENT, type Question } from './question.js';

const JOURNAL = '/var/lib/xsplice-ts/host/journal';
const LOOK_MS = 5;

function journalFiles(): readonly string[] {
  try {
    return readdirSync(JOURNAL).map((name) => `${JOURNAL}/${name}`);
  } catch {
    return [];
  }
}

/** Steps that the journal says were begun. */
function intents(): number {
  return journalFiles()
    .map((file) => readFileSync(file, 'utf8').split('"kind":"intent"').length - 1)
    .reduce((sum, count) => sum + count, 0);
}

async function runProgram(words: readonly string[]): Promise<void> {
  const before = intents();
  let told = 0;
  const timer = setInterval(() => {
    const now = intents() - before;
    if (now > told) say(`${INTENT}${now}`);
    told = now;
  }, LOOK_MS);
  const { status, stdout, stderr } = await start(...words).end;
  clearInterval(timer);
  say(JSON.stringify({ status, stdout, stderr }));
}

/** What must not grow. */
function sizes() {
  const files = journalFiles();
  return {
    rssBytes: process.memoryUsage().rss,
    journalBytes: files.reduce((sum, file) => sum + statSync(file).size, 0),
    journalFiles: files.length,
  };
}

async function runCycles(cycles: number, payload: string): Promise<void> {
  const started = performance.now();
  const seen: object[] = [];
  for (let done = 1; done <= cycles; done++) {
    await runTo(0, 'apply', payload, ...PATIENT);
    await runTo(0, 'revert', ...PATIENT);
    if (!isToBeSeen(done, cycles)) continue;
    const { payloads } = JSON.parse((await runTo(0, 'list', '--json')).stdout);
    seen.push({ cycles: done, loaded: payloads.length, ...sizes() });
    // Who waits sees that it goes on.
    say(`${done} of ${cycles}`);
  }
  say(JSON.stringify({ elapsedMs: performance.now() - started, seen }));
}

await serve(async (line) => {
  // A machine that was set back is asked for nothing.
  if (line === '') return;
  const question: Question = JSON.parse(line);
  if ('words' in question) await runProgram(question.words);
  else await runCycles(question.cycles, question.payload);
});
