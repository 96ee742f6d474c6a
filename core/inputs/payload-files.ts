import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LIVEPATCH_MAX_SIZE } from '../abi/livepatch.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type InputFile, inputFile } from '../payload/index.js';
import { attempt, statOf, statOrNull } from './path.js';
import { filesMatching, isPattern } from './pattern.js';
import { readRegularFile } from './regular-file.js';

/** Payload files that were read, and findings on those that were not. */
export interface PayloadFiles {
  readonly inputs: readonly InputFile[];
  /** On paths of which nothing is known (missing, not readable), and on files that are too large for Xen. */
  readonly findings: readonly Finding[];
}

/** Which files a path stands for. */
export interface PathOptions {
  /** True: folders are descended into, and what is no path may be a pattern. */
  readonly deep?: boolean;
}

const PAYLOAD_SUFFIX = '.livepatch';
/** Ours: more than a hypervisor could ever hold. */
const MAX_FILES = 4096;

/**
 * Reads payloads, each once. A directory stands for its `*.livepatch` files, in the order of their
 * names; those in its directories count only with `deep`. A file above Xen's limit of 2 MiB is not read but
 * becomes the finding `payload-too-large`. A path that cannot be read does not keep the others from it.
 *
 * Findings on what cannot be read: `file-not-found`, `file-not-readable`, `not-a-file`, `file-changed`,
 * `no-payloads` (an empty directory). Fails with `too-many-files`.
 */
export function readPayloadFiles(
  paths: readonly string[],
  { deep = false }: PathOptions = {},
): PayloadFiles {
  // By where they are, as they were named first: a file has many names.
  const files = new Map<string, string>();
  const inputs: InputFile[] = [];
  const findings: Finding[] = [];
  const orUnreadable = (file: string, read: () => void) => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof XspliceError)) throw error;
      const { code, message, hint } = error;
      findings.push({ code, severity: 'error', message, hint, file });
    }
  };
  for (const path of paths) {
    orUnreadable(path, () => {
      for (const file of deep ? expandDeep(path) : expand(path)) {
        if (!files.has(resolve(file))) files.set(resolve(file), file);
      }
    });
    if (files.size > MAX_FILES) {
      throw new XspliceError('too-many-files', `More than ${MAX_FILES} payloads were given`);
    }
  }
  for (const file of files.values()) {
    orUnreadable(file, () => {
      const { bytes, sizeBytes } = readRegularFile(file, LIVEPATCH_MAX_SIZE);
      if (bytes !== null) inputs.push(inputFile(file, bytes));
      else findings.push(tooLarge(file, sizeBytes));
    });
  }
  return { inputs, findings };
}

/**
 * Reads payloads of which each is needed. Fails with the first thing that readPayloadFiles would report as a finding.
 */
export function readEveryPayloadFile(paths: readonly string[]): readonly InputFile[] {
  const { inputs, findings } = readPayloadFiles(paths);
  const [first] = findings;
  if (first === undefined) return inputs;
  const { code, message, hint, file = '' } = first;
  throw new XspliceError(code, message.includes(file) ? message : `${file}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    ...(code === 'payload-too-large' ? { findings } : {}),
  });
}

function expand(path: string): readonly string[] {
  const stats = statOf(path);
  if (!stats.isDirectory()) return [path];
  const entries = attempt(path, () => readdirSync(path));
  const files = entries.filter((name) => name.endsWith(PAYLOAD_SUFFIX)).sort();
  if (files.length === 0) {
    throw new XspliceError('no-payloads', `${path} holds no *${PAYLOAD_SUFFIX} file`, {
      hint: 'Name the files themselves if they are called otherwise.',
    });
  }
  return files.map((name) => join(path, name));
}

/** A directory's payloads and those of all below it; or what matches a pattern. */
function expandDeep(path: string): readonly string[] {
  const stats = statOrNull(path);
  if (stats !== null && !stats.isDirectory()) return [path];
  if (stats === null && !isPattern(path)) statOf(path);
  const pattern =
    stats === null ? path : `${path.replace(/[\\*?[\]{}]/g, '\\$&')}/**/*${PAYLOAD_SUFFIX}`;
  const files = filesMatching('.', pattern);
  if (files.length > 0) return files;
  throw new XspliceError(
    'no-payloads',
    stats === null ? `Nothing matches ${path}` : `${path} holds no *${PAYLOAD_SUFFIX} file`,
    { hint: 'Name the files themselves if they are called otherwise.' },
  );
}

function tooLarge(file: string, sizeBytes: number): Finding {
  return finding('payload-too-large', {
    file,
    message: `The file has ${sizeBytes} bytes; Xen takes payloads of at most ${LIVEPATCH_MAX_SIZE}`,
    expected: `at most ${LIVEPATCH_MAX_SIZE} bytes`,
    actual: `${sizeBytes} bytes`,
  });
}
