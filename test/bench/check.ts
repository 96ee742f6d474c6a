import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readImage } from '../../core/image/index.js';
import { hazardsOf, inputFile, modelFromImage, readInputs } from '../../core/use/index.js';
import { apply, upload } from '../../core/verify/index.js';

/**
 * Prints how long `check` takes for a payload, each time in a process of its own, as the command has it:
 *
 *     node dist/test/bench/check.js XEN-SYMS PAYLOAD
 */
const ROUNDS = 9;
const LAPS = ['image', 'payload', 'verdict', 'hazards', 'total'] as const;
type Times = Readonly<Record<(typeof LAPS)[number], number>>;

const program = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** One check in this process. */
async function check(imageFile: string, payloadFile: string): Promise<Times> {
  const bytes = { image: readFileSync(imageFile), payload: readFileSync(payloadFile) };
  const started = performance.now();
  const image = readImage(bytes.image, imageFile);
  const { model } = modelFromImage(image, null);
  const booted = performance.now();
  const { payloads } = readInputs([inputFile(payloadFile, bytes.payload)]);
  const [payload] = payloads;
  if (payload === undefined) throw new Error(`${payloadFile} is no payload`);
  const read = performance.now();
  const { name } = payload.planned;
  const uploaded = upload(model, name, bytes.payload);
  const applied = apply(uploaded.model, name, { nodeps: false });
  if (applied.verdict.outcome.outcome !== 'accepted') throw new Error('it is not accepted');
  const judged = performance.now();
  await hazardsOf(payload, applied.model, image.symbols);
  const done = performance.now();
  return {
    image: booted - started,
    payload: read - booted,
    verdict: judged - read,
    hazards: done - judged,
    total: done - started,
  };
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
  const laps = LAPS.map((lap) => {
    const values = all.map((times) => times[lap]);
    return `${lap} ${median(values).toFixed(1)} (best ${Math.min(...values).toFixed(1)}) ms`;
  });
  const startUp = median(repeat(() => timeProgram(['--version'])));
  const whole = median(repeat(() => timeProgram(['check', '--quiet', '--image', image, payload])));
  const total = median(all.map((times) => times.total));
  console.log(`median of ${ROUNDS} processes: ${laps.join(', ')}`);
  console.log(
    `the program: start-up ${startUp.toFixed(0)} ms, check ${whole.toFixed(0)} ms, ${(whole - startUp).toFixed(0)} ms of it after start-up; total / start-up ${(total / startUp).toFixed(2)}`,
  );
}

const [first = '', second = '', third = ''] = process.argv.slice(2);
if (first === '--once') console.log(JSON.stringify(await check(second, third)));
else compare(first, second);
