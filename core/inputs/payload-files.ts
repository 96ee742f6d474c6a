import { LIVEPATCH_MAX_SIZE } from '../abi/livepatch.js';
import { type Finding, finding, XspliceError } from '../findings/index.js';
import { type InputFile, inputFile } from '../payload/index.js';
import { namedFiles, orFinding, type PathOptions } from './named-files.js';
import { readRegularFile } from './regular-file.js';

/** Payload files that were read, and findings on those that were not. */
export interface PayloadFiles {
  readonly inputs: readonly InputFile[];
  /** On paths of which nothing is known (missing, not readable), and on files that are too large for Xen. */
  readonly findings: readonly Finding[];
}

/** Ours: more than a hypervisor could ever hold. */
const MAX_FILES = 4096;

/**
 * Reads payloads, each once: see namedFiles for which these are. A file above Xen's limit of 2 MiB is not read but
 * becomes the finding `payload-too-large`. A path that cannot be read does not keep the others from it.
 *
 * Findings on what cannot be read: `file-not-found`, `file-not-readable`, `not-a-file`, `file-changed`,
 * `no-payloads` (an empty directory). Fails with `too-many-files`.
 */
export function readPayloadFiles(
  paths: readonly string[],
  options: PathOptions = {},
): PayloadFiles {
  const { files, findings: unread } = namedFiles(paths, options, MAX_FILES);
  const inputs: InputFile[] = [];
  const findings: Finding[] = [...unread];
  for (const [index, { path }] of files.entries()) {
    options.onProgress?.(index, files.length);
    readOne(path, inputs, findings);
  }
  return { inputs, findings };
}

/** Adds what the file is to one of both. */
export function readOne(file: string, inputs: InputFile[], findings: Finding[]): void {
  orFinding(
    file,
    () => {
      const { bytes, sizeBytes } = readRegularFile(file, LIVEPATCH_MAX_SIZE);
      if (bytes !== null) inputs.push(inputFile(file, bytes));
      else findings.push(tooLarge(file, sizeBytes));
    },
    findings,
  );
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

function tooLarge(file: string, sizeBytes: number): Finding {
  return finding('payload-too-large', {
    file,
    message: `The file has ${sizeBytes} bytes; Xen takes payloads of at most ${LIVEPATCH_MAX_SIZE}`,
    expected: `at most ${LIVEPATCH_MAX_SIZE} bytes`,
    actual: `${sizeBytes} bytes`,
  });
}
