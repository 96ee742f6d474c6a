import { homedir } from 'node:os';
import { join } from 'node:path';
import { findMirror } from '../../core/boot/index.js';
import { type CheckReport, check, isRejection, targetOfImage } from '../../core/check/index.js';
import { XspliceError } from '../../core/findings/index.js';
import {
  openImage,
  readImageFile,
  readPayloadFiles,
  readRegularFile,
} from '../../core/inputs/index.js';
import {
  elapsedOf,
  performersOf,
  performOnXen,
  type RehearsalPlan,
  rehearsalFindings,
  type TestFile,
  type XenRehearsal,
} from '../../core/rehearsal/index.js';
import type { Session } from '../session.js';
import type { Settings } from '../settings.js';
import { exitCodeOf } from '../terminal/signals.js';
import { usage } from '../usage.js';
import { rehearsalFields, renderRehearsal } from '../views/rehearsal.js';
import { writeRun } from '../write-run.js';

/** Ours: a test is a script. */
const MAX_TEST_SIZE = 16 * 1024 * 1024;
const DEFAULT_TEST_LIMIT_S = 60;
const MAX_TEST_LIMIT_S = 3600;

/** Checks payloads, tries them on that very Xen in QEMU, and says where the two differ. */
export async function run(session: Session): Promise<number> {
  const { settings, output, streams } = session;
  const { words, mode, failOn } = settings;
  if (settings.xen === null || settings.image === null) {
    throw usage(
      'rehearse needs the hypervisor in two files: --xen FILE (xen.gz) and --image FILE (xen-syms)',
    );
  }
  if (mode === 'independent') {
    throw usage('rehearse applies payloads as layers or as alternatives', 'Leave out --mode.');
  }
  const image = openImage(settings.image);
  const hypervisor = { file: settings.xen, bytes: readImageFile(settings.xen) };
  const target = targetOfImage(image);
  const { inputs, findings } = readPayloadFiles(words, { deep: true });
  const checked = await check(inputs, target, findings, { failOn, mode });
  if (target.model === null) {
    throw new XspliceError('not-verified', `There are no verdicts: ${target.notVerified}`);
  }
  const isDebug = image.findings.some(({ code }) => code === 'image-debug-build');
  const plan: RehearsalPlan = {
    performers: performersOf(inputs, checked.chain),
    model: target.model,
    action: mode === 'alternatives' ? 'replace' : 'apply',
    areLinesCompared: !isDebug,
    tests: settings.test,
    testLimitMs: testLimitMs(settings),
    onProgress: (what) => {
      if (!output.quiet && output.isForPeople) output.notes.passingLine(what);
    },
  };
  const stop = new AbortController();
  const endSignals = streams.onSignal((name) => stop.abort(name));
  let done: XenRehearsal;
  try {
    done = await performOnXen(plan, {
      ...{ hypervisor, image, tests: testsOf(settings), signal: stop.signal },
      archive: { cache: cacheFolder(streams.env), mirror: findMirror(streams.env) },
      ...{ kernel: settings.kernel, accelerator: settings.accel, withFatal: settings.fatal },
    });
  } catch (error) {
    const code = exitCodeOf(stop.signal);
    if (code === null) throw error;
    output.notes.endPassingLine();
    output.notes.line('Stopped: QEMU is ended, and no answer was written.');
    return code;
  } finally {
    endSignals();
  }
  output.notes.endPassingLine();
  const report = withRehearsal(checked, done);
  output.info(renderRehearsal(done, output.style, output.verbose));
  const target_ = { target: settings.image, image: settings.image, report };
  const rehearsal = rehearsalFields(done);
  return writeRun(session, { targets: [target_], findings: [], skipped: [] }, { rehearsal });
}

/** Where the parts of a dom0 are kept, and the packages that they are from; to delete it is always safe. */
function cacheFolder(env: Session['streams']['env']): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(base, 'xsplice-ts', 'rehearsal');
}

/** What check says, and what was seen. */
function withRehearsal(checked: CheckReport, { rehearsal }: XenRehearsal): CheckReport {
  const findings = [...checked.findings, ...rehearsalFindings(rehearsal)];
  const triedMs = rehearsal.payloads.map((one) => [one.file, elapsedOf(one)] as const);
  return {
    ...checked,
    findings,
    ok: !findings.some((found) => isRejection(found, checked.failOn)),
    triedMs: new Map(triedMs),
  };
}

function testsOf({ test }: Settings): readonly TestFile[] {
  return test.map((file) => {
    const { bytes, sizeBytes } = readRegularFile(file, MAX_TEST_SIZE);
    if (bytes !== null) return { file, bytes };
    throw new XspliceError(
      'file-too-large',
      `${file} has ${sizeBytes} bytes; a test has at most ${MAX_TEST_SIZE}`,
    );
  });
}

function testLimitMs({ testTimeout: text }: Settings): number {
  if (text === null) return DEFAULT_TEST_LIMIT_S * 1000;
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0 && value <= MAX_TEST_LIMIT_S) return value * 1000;
  throw usage(
    `--test-timeout takes seconds above 0, at most ${MAX_TEST_LIMIT_S}; it is ${JSON.stringify(text)}`,
  );
}
