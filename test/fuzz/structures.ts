import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { preflightPlan } from '../../core/change/index.js';
import { check } from '../../core/check/index.js';
import { XspliceError } from '../../core/findings/index.js';
import { modelFromImage } from '../../core/host/index.js';
import { snapshotOf } from '../../core/hypervisor/embedded/snapshot.js';
import { parseDump } from '../../core/hypervisor/xen/dump.js';
import { readImage } from '../../core/image/index.js';
import { codeContext, recordPayload } from '../../core/oldcode/index.js';
import { contentsOf, inputFile, readPayload, readPayloadInputs } from '../../core/payload/index.js';
import { planApply } from '../../core/stack/index.js';
import { DEMO_IMAGE, runCli } from '../support/cli.js';
import { cpuMs } from '../support/cpu-time.js';
import { committedFixtures } from '../support/fixtures.js';
import { demoHypervisor, unmappedName } from '../support/hostile-payloads.js';
import { createPrng, type Prng } from '../support/prng.js';
import { HOSTILE_TEXTS, rawIn } from '../support/raw-text.js';

/** What came of a run: `crashes` are errors of another kind than XspliceError, by what they say. */
export interface StructureReport {
  readonly executions: number;
  readonly cpuMs: number;
  readonly slowest: { readonly ms: number; readonly input: string };
  readonly crashes: ReadonlyMap<string, string>;
  /** Outputs in which a terminal would obey something, by their words: an input that led to it. */
  readonly raw: ReadonlyMap<string, string>;
}

const MAX_SEED_BYTES = 64 * 1024;
/** One of so many inputs is shown too: that reads the image anew. */
const SHOWN_OF = 4;
/** Offset and width of the fields of a section header, a symbol, and a relocation. */
const FIELDS = {
  section: { bytes: 64, at: [0, 4, 8, 16, 24, 32, 40, 44, 48, 56] },
  symbol: { bytes: 24, at: [0, 4, 6, 8, 16] },
  relocation: { bytes: 24, at: [0, 8, 12, 16] },
} as const;
const EDGES = [
  0n,
  1n,
  8n,
  0xffn,
  0xfff1n,
  0x7fff_ffffn,
  0xffff_ffffn,
  1n << 63n,
  (1n << 64n) - 1n,
] as const;

/**
 * Changes fields of payloads where they are (headers, symbols, relocations, contents) and asks everything that
 * is asked of a payload, for this much of the processor's time. The same seed meets the same inputs again.
 */
export async function fuzzStructures(seed: number, budgetMs: number): Promise<StructureReport> {
  const { image, model } = demoHypervisor();
  const setting = codeContext(image, model);
  const host = { spec: 'embedded:fuzz', tellsReverted: true, tellsPlaces: true } as const;
  const snapshot = snapshotOf(model, '4.17.7');
  const buildId = model.buildId;
  if (buildId === null) throw new Error('the demo has an id');
  const target = { buildId, model, symbols: image.symbols, notVerified: null };
  const seeds = [
    { name: 'unmapped name', bytes: unmappedName() },
    ...committedFixtures().filter(({ bytes }) => bytes.length <= MAX_SEED_BYTES),
  ] as const;
  const questions: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
    check: (bytes) => check([inputFile('a.livepatch', bytes)], target),
    guard: (bytes) =>
      check([inputFile('a.livepatch', bytes)], {
        ...target,
        oldCode: { guard: 'both', context: setting },
      }),
    record: (bytes) => recordPayload(setting, readPayload(bytes, 'a'), { expect: true }),
    plan: async (bytes) => {
      const input = inputFile('a.livepatch', bytes);
      const planned = readPayloadInputs([input]).map((one) => one.planned);
      const plan = planApply(snapshot, planned, { host, guard: 'nodeps' });
      await preflightPlan(plan, contentsOf([input]), model, '4.17.7');
    },
    image: (bytes) => modelFromImage(readImage(bytes, 'a'), null),
    dump: (bytes) => parseDump(Buffer.from(bytes).toString('latin1'), ['hello', '\x1b']),
  };
  const folder = mkdtempSync(join(tmpdir(), 'xsplice-fuzz-'));
  const file = join(folder, 'a.livepatch');
  const shown: readonly [readonly string[], readonly string[]] = [
    ['inspect', file, '--verbose', '--explain'],
    ['check', file, '--image', DEMO_IMAGE, '--verbose', '--explain', '--check', 'both'],
  ];
  const crashes = new Map<string, string>();
  const raw = new Map<string, string>();
  let slowest = { ms: 0, input: '' };
  let executions = 0;
  const start = cpuMs();
  for (let run = 0; cpuMs() - start < budgetMs; run++) {
    const prng = createPrng((Math.imul(seed, 1_000_003) + run) >>> 0);
    const original = prng.pick(seeds);
    const bytes = changed(original.bytes, prng);
    const words = prng.pick(shown);
    const asked: typeof questions = {
      ...questions,
      ...(prng.below(SHOWN_OF) === 0
        ? { show: (changedBytes) => show(changedBytes, words, `seed ${seed}, run ${run}`) }
        : {}),
    };
    for (const [name, ask] of Object.entries(asked)) {
      const input = `${name}: seed ${seed}, run ${run} (${original.name})`;
      const before = cpuMs();
      executions++;
      try {
        await ask(bytes);
      } catch (error) {
        if (!(error instanceof XspliceError)) crashes.set(`${name}: ${error}`, input);
      }
      const ms = cpuMs() - before;
      if (ms > slowest.ms) slowest = { ms, input };
    }
  }
  rmSync(folder, { recursive: true });
  return { executions, cpuMs: cpuMs() - start, slowest, crashes, raw };

  /** What people see of it. */
  async function show(bytes: Uint8Array, words: readonly string[], input: string): Promise<void> {
    writeFileSync(file, bytes);
    const { stdout, stderr } = await runCli(words);
    const near = rawIn(stdout) ?? rawIn(stderr);
    if (near !== null) raw.set(`${words[0]}: ${near}`, input);
    if (/Internal error/.test(stderr)) throw new Error(stderr.split('\n')[0]);
  }
}

/** A copy with one to six fields changed. */
function changed(original: Uint8Array, prng: Prng): Uint8Array {
  const bytes = Uint8Array.from(original);
  const view = new DataView(bytes.buffer);
  if (bytes.length < 64) return bytes;
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const headers = Array.from({ length: count }, (_, i) => table + i * 64).filter(
    (at) => at + 64 <= bytes.length,
  );
  for (let left = 1 + prng.below(6); left > 0 && headers.length > 0; left--) {
    const header = headers[prng.below(headers.length)] ?? table;
    const type = view.getUint32(header + 4, true);
    const offset = Number(view.getBigUint64(header + 24, true));
    const size = Number(view.getBigUint64(header + 32, true));
    const kind = type === 2 ? FIELDS.symbol : type === 4 ? FIELDS.relocation : null;
    const base = prng.below(3) === 0 ? header : offset;
    const fields = base === header ? FIELDS.section : kind;
    const at =
      base === header
        ? header + prng.pick(FIELDS.section.at)
        : fields === null
          ? offset + prng.below(Math.max(size, 1))
          : offset +
            prng.below(Math.max(Math.floor(size / fields.bytes), 1)) * fields.bytes +
            prng.pick(fields.at);
    if (kind === null && base !== header && prng.below(2) === 0) {
      Buffer.from(bytes.buffer).set(
        prng.pick(HOSTILE_TEXTS).subarray(0, Math.max(0, bytes.length - at)),
        Math.min(at, bytes.length),
      );
      continue;
    }
    const value = prng.below(2) === 0 ? prng.pick(EDGES) : BigInt(prng.below(bytes.length * 2));
    if (at + 8 > bytes.length) continue;
    if (prng.below(2) === 0) view.setUint32(at, Number(value & 0xffff_ffffn), true);
    else view.setBigUint64(at, value, true);
  }
  return bytes;
}
