import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LIVEPATCH_MAX_SIZE } from '../abi/livepatch.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type InputFile, inputFile } from '../payload/index.js';
import { attempt, statOf } from './path.js';
import { readRegularFile } from './regular-file.js';

/** Payload files that were read, and findings on those that were not because of their size. */
export interface PayloadFiles {
  readonly inputs: readonly InputFile[];
  readonly findings: readonly Finding[];
}

const PAYLOAD_SUFFIX = '.livepatch';
/** Ours: more than a hypervisor could ever hold. */
const MAX_FILES = 4096;

/**
 * Reads payloads, each once. A directory stands for its `*.livepatch` files, in the order of their
 * names; those in its directories do not count. A file above Xen's limit of 2 MiB is not read but
 * becomes the finding `payload-too-large`.
 *
 * Fails with `file-not-found`, `file-not-readable`, `not-a-file`, `no-payloads` (an empty directory),
 * `too-many-files`, `file-changed`.
 */
export function readPayloadFiles(paths: readonly string[]): PayloadFiles {
  const files = new Set<string>();
  for (const path of paths) {
    for (const file of expand(path)) files.add(file);
    if (files.size > MAX_FILES) {
      throw new XspliceError('too-many-files', `More than ${MAX_FILES} payloads were given`);
    }
  }
  const inputs: InputFile[] = [];
  const findings: Finding[] = [];
  for (const file of files) {
    const { bytes, sizeBytes } = readRegularFile(file, LIVEPATCH_MAX_SIZE);
    if (bytes !== null) inputs.push(inputFile(file, bytes));
    else findings.push(tooLarge(file, sizeBytes));
  }
  return { inputs, findings };
}

/**
 * Reads payloads of which each is needed. Fails as readPayloadFiles does. A file that it would report as a finding
 * is an error here.
 */
export function readEveryPayloadFile(paths: readonly string[]): readonly InputFile[] {
  const { inputs, findings } = readPayloadFiles(paths);
  const [first] = findings;
  if (first === undefined) return inputs;
  throw new XspliceError(first.code, `${first.file}: ${first.message}`, {
    findings,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
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

function tooLarge(file: string, sizeBytes: number): Finding {
  return finding('payload-too-large', {
    file,
    message: `The file has ${sizeBytes} bytes; Xen takes payloads of at most ${LIVEPATCH_MAX_SIZE}`,
    expected: `at most ${LIVEPATCH_MAX_SIZE} bytes`,
    actual: `${sizeBytes} bytes`,
  });
}
