import { basename } from 'node:path/posix';
import { XspliceError } from '../findings/index.js';
import { XEN_LIVEPATCH_NAME_SIZE } from './livepatch.js';
import { pathBytes, pathText } from './raw-path.js';

/** Most bytes a payload's name may have: Xen's limit counts the closing NUL. */
const MAX_NAME_BYTES = XEN_LIVEPATCH_NAME_SIZE - 1;

/** Names that are the same as text and as bytes: nearly all. */
const PLAIN = /^[\x20-\x7e]+$/;

/**
 * The name as the hypervisor port takes it: one character for each byte of its UTF-8 form, raw ones included (raw-path.ts), as
 * `LoadedPayload.name` has it.
 *
 * Fails with `payload-bad-name` on an empty name, a NUL, and more than 127 bytes: Xen itself would take an
 * empty name, and would cut one that holds a NUL (get_name, common/livepatch.c, all releases).
 */
export function payloadName(text: string): string {
  if (PLAIN.test(text) && text.length <= MAX_NAME_BYTES) return text;
  const bytes = pathBytes(text);
  if (bytes.length === 0) {
    throw new XspliceError('payload-bad-name', 'The payload name is empty', {
      hint: `Give a name of 1 to ${MAX_NAME_BYTES} bytes.`,
    });
  }
  if (bytes.includes(0)) {
    throw new XspliceError(
      'payload-bad-name',
      `The payload name ${JSON.stringify(text)} holds a NUL`,
      {
        hint: 'Xen ends a name at its first NUL: give one without.',
      },
    );
  }
  if (bytes.length > MAX_NAME_BYTES) {
    throw new XspliceError(
      'payload-bad-name',
      `The payload name ${JSON.stringify(text)} has ${bytes.length} bytes, Xen takes at most ${MAX_NAME_BYTES}`,
      { hint: 'Rename the file, or give a shorter name.' },
    );
  }
  return bytes.toString('latin1');
}

/** XenServer's files: `lp_VERSION__RELEASE__VERSION__RELEASE`, from and to, with `_` for each dot. */
const XENSERVER_FILE = /^lp_([^_]\w*?)__(\w+?)__(\w+?)__(\w+)$/;

/**
 * The name under which a file is uploaded: its base name up to the last dot, as `xen-livepatch load`
 * names it (load_func, tools/misc/xen-livepatch.c). A base name that starts with its only dot is
 * kept whole. A file of XenServer's is called as its xapi calls it, `lp_4.17.4-1.xs8-4.17.4-6.xs8` (xen-api,
 * ocaml/xapi/livepatch.ml): xapi looks for what runs by these names. Fails as {@link payloadName} does.
 */
export function payloadNameFor(file: string): string {
  const base = basename(file);
  const dot = base.lastIndexOf('.');
  const stem = dot > 0 ? base.slice(0, dot) : base;
  const parts = XENSERVER_FILE.exec(stem)
    ?.slice(1)
    .map((part) => part.replaceAll('_', '.'));
  if (parts === undefined) return payloadName(stem);
  const [from, fromRelease, to, toRelease] = parts;
  return payloadName(`lp_${from}-${fromRelease}-${to}-${toRelease}`);
}

/** The same where such a name is none that is taken: the bytes of the base name as they are. */
export function uncheckedNameFor(file: string): string {
  const base = basename(file);
  const dot = base.lastIndexOf('.');
  return pathBytes(dot > 0 ? base.slice(0, dot) : base).toString('latin1');
}

/**
 * The text that a name of the hypervisor spells; bytes that are no UTF-8 are in it as raw-path.ts has them. Not
 * escaped: that is the renderer's work.
 */
export function nameText(name: string): string {
  return PLAIN.test(name) ? name : pathText(Buffer.from(name, 'latin1'));
}
