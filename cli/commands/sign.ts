import { basename } from 'node:path';
import { counted, EXIT, XspliceError } from '../../core/findings/index.js';
import { exists, readEveryPayloadFile, readTextFile } from '../../core/inputs/index.js';
import { readSecretKey, signPayload } from '../../core/signature/index.js';
import { writeFileAs } from '../files.js';
import type { Session } from '../session.js';
import { escapeText } from '../terminal/escape.js';
import { usage } from '../usage.js';

/** Writes a signature beside each payload. All are made before the first is written. */
export async function run({ settings, output }: Session): Promise<number> {
  const { key: keyFile, passwordFile, comment, yes, words } = settings;
  if (keyFile === null) throw usage('sign needs --key FILE, a secret key');
  const password = passwordFile === null ? null : firstLine(readTextFile(passwordFile));
  const key = readSecretKey(Buffer.from(readTextFile(keyFile)), keyFile, password);
  const made = readEveryPayloadFile(words).map(({ file, bytes, sha256 }) => {
    const words = comment ?? `${basename(file)} sha256:${sha256}`;
    const { suffix, bytes: signature } = signPayload(bytes, key, words);
    return { file, path: `${file}${suffix}`, signature };
  });
  const there = made.find(({ path }) => exists(path));
  if (there !== undefined && !yes) {
    throw usage(`${there.path} exists`, 'Have it replaced with --yes.');
  }
  const written: string[] = [];
  for (const { file, path, signature } of made) {
    await writeFileAs(path, signature, file).catch((cause: unknown) => {
      throw notAll(written.length, made.length, cause);
    });
    written.push(path);
  }
  output.info(escapeText(`Signed ${counted(made.length, 'payload')} with the key ${key.id}`));
  for (const path of written) output.info(escapeText(`  ${path}`));
  output.document({
    ok: true,
    signatures: made.map(({ file, path }) => {
      return { file, signature: path, format: key.kind, key: key.id };
    }),
  });
  return EXIT.done;
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}

/** What cannot be written, and what was before it. */
function notAll(done: number, all: number, cause: unknown): unknown {
  if (!(cause instanceof XspliceError) || done === 0) return cause;
  const message = `${cause.message}; ${done} of ${all} signatures were written before it`;
  return new XspliceError(cause.code, message, { hint: cause.hint, cause });
}
