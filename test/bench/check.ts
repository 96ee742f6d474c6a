import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hazardsOf } from '../../core/hazards/of-payload.js';
import { modelFromImage } from '../../core/host/image-model.js';
import { readImage } from '../../core/image/index.js';
import { inputFile } from '../../core/payload/input-file.js';
import { readInputs } from '../../core/payload/read-inputs.js';
import { apply, upload } from '../../core/verify/index.js';

/**
 * Prints how long `check` takes for a payload behind the start of the program, each time in a process of
 * its own, as the command has it:
 *
 *     node dist/test/bench/check.js XEN-SYMS PAYLOAD
 */
const ROUNDS = 9;
/** Milliseconds for a payload of 200 kB with 2,000 relocations. */
const GOAL = 100;
/** The image's file is read and becomes a model; the disassembler is loaded only if there is doubt. */
const LAPS = ['image', 'model', 'payload', 'verdict', 'hazards'] as const;
type Times = Readonly<Record<(typeof LAPS)[number], number>>;

const program = fileURLToPath(new URL('../../bin/xsplice-ts.js', import.meta.url));

/** One check in this process. */
function check(imageFile: string, payloadFile: string): Times {
  const times = { image: 0, model: 0, payload: 0, verdict: 0, hazards: 0 };
  let last = performance.now();
  const lap = <T>(name: keyof Times, work: () => T): T => {
    const done = work();
    const now = performance.now();
    times[name] = now - last;
    last = now;
    return done;
  };
  const image = lap('image', () => readImage(readFileSync(imageFile), imageFile));
  const { model } = lap('model', () => modelFromImage(image, null));
  const payload = lap('payload', () => {
    const bytes = readFileSync(payloadFile);
    const [found] = readInputs([inputFile(payloadFile, bytes)]).payloads;
    if (found === undefined) throw new Error(`${payloadFile} is no payload`);
    return found;
  });
  const applied = lap('verdict', () => {
    const { name } = payload.planned;
    const uploaded = upload(model, name, payload.input.bytes);
    return apply(uploaded.model, name, { nodeps: false });
  });
  if (applied.verdict.outcome.outcome !== 'accepted') throw new Error('it is not accepted');
  lap('hazards', () => hazardsOf(payload, applied.model, image.symbols));
  return times;
}

/** Milliseconds that the built program takes, from its start to its end. */
function timeProgram(args: readonly string[]): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function repeat<T>(work: () => T): readonly T[] {
  return Array.from({ length: ROUNDS }, work);
}

function compare(image: string, payload: string): void {
  const self = fileURLToPath(import.meta.url);
  const all = repeat(() => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [self, '--once', image, payload],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as Times;
  });
  const sumOf = (times: Times): number => LAPS.reduce((sum, lap) => sum + times[lap], 0);
  const shown = (values: readonly number[]): string =>
    `${median(values).toFixed(1)} (best ${Math.min(...values).toFixed(1)}) ms`;
  const laps = LAPS.map((lap) => `${lap} ${shown(all.map((times) => times[lap]))}`);
  const sums = all.map(sumOf);
  const isMet = median(sums) < GOAL ? 'met' : 'missed';
  console.log(`median of ${ROUNDS} processes: ${laps.join(', ')}`);
  console.log(`sum ${shown(sums)}, goal ${GOAL} ms: ${isMet}`);
  const startUp = median(repeat(() => timeProgram(['--version'])));
  const whole = median(repeat(() => timeProgram(['check', '--quiet', '--image', image, payload])));
  console.log(
    `the program: start-up ${startUp.toFixed(0)} ms, check ${whole.toFixed(0)} ms, ${(whole - startUp).toFixed(0)} ms of it after start-up`,
  );
}

const [first = '', second = '', third = ''] = process.argv.slice(2);
if (first === '--once') console.log(JSON.stringify(check(second, third)));
else compare(first, second);
