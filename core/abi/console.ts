/**
 * Text of Xen's console ring. A line of Xen's own begins with `(XEN) `, and with a time in brackets
 * where Xen runs with console_timestamps. Everything here is untrusted: names and metadata in it may
 * hold any bytes.
 */

const XEN_LINE = /^\(XEN\) (?:\[[^\]\n]{1,40}\] )?(.*)$/s;
/** What every message of the live-patching code begins with (xen/livepatch.h). */
export const LIVEPATCH = 'livepatch: ';
/** In debug builds a message may name its source line first (dprintk). */
const LIVEPATCH_LINE = /^(?:[\w./-]+:\d+: )?livepatch: (.*)$/s;
/**
 * The two lines below `build-id mismatch:`: both ids (check_xen_buildid; 4.20, 4.19.1, 4.18.4). Xen's
 * source indents them with UTF-8's no-break spaces, which are the bytes C2 A0.
 */
const MISMATCH_LINE = /^[ \u00c2\u00a0]+(?:livepatch|xen): [0-9a-f]*$/;

/** The lines that Xen itself printed, without their `(XEN) ` and time; others are left out. */
export function xenLines(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const match = XEN_LINE.exec(line.replace(/\r$/, ''));
    return match?.[1] === undefined ? [] : [match[1]];
  });
}

/** What the live-patching code printed, without its `livepatch: `; other console text is left out. */
export function livepatchLines(text: string): readonly string[] {
  let above: string | null = null;
  return xenLines(text).flatMap((line) => {
    above = livepatchMessage(line, above);
    return above === null ? [] : [above];
  });
}

/**
 * What one of Xen's lines says about live patches; null where it is somebody else's. `above` is what the
 * line before said: an id belongs to a mismatch above it.
 */
export function livepatchMessage(line: string, above: string | null): string | null {
  const message = LIVEPATCH_LINE.exec(line)?.[1];
  if (message !== undefined) return message;
  const isInMismatch =
    above !== null && (above.endsWith('build-id mismatch:') || MISMATCH_LINE.test(above));
  return isInMismatch && MISMATCH_LINE.test(line) ? line.replaceAll('\u00c2\u00a0', ' ') : null;
}
