import { LIVEPATCH, livepatchMessage } from '../abi/console.js';
import type { LogLine } from './verdict.js';

/** sizeof(buf) in vprintk_common, its closing NUL included (drivers/char/console.c; 4.12 to 4.22). */
const BUFFER_BYTES = 1024;

/** XENLOG_ERR, XENLOG_WARNING and XENLOG_INFO (xen/config.h): they take room in the buffer too. */
const LEVEL_MARKS = { error: '<0>', warning: '<1>', info: '<2>' } as const;

/**
 * What the console shows of calls to printk, with every log level on: the lines that a reader of the
 * ring takes for live patching's own.
 *
 * vprintk_common (all releases) formats each call into a buffer and drops what does not fit, the line break
 * at its end included. The line then stays open. The next call of the same CPU continues it and shows its level
 * mark as text. A line break in a name ends the line: what follows is a line without `livepatch: `.
 * One line may be left open at the end, since nobody knows what that CPU prints next.
 */
export function shownOnConsole(printed: readonly LogLine[]): readonly LogLine[] {
  const lines: LogLine[] = [];
  let open: LogLine | null = null;
  for (const { level, text } of printed) {
    const buffer = `${LEVEL_MARKS[level]}${LIVEPATCH}${text}\n`.slice(0, BUFFER_BYTES - 1);
    const parts = buffer.split('\n');
    for (const [i, part] of parts.entries()) {
      const isEnded = i < parts.length - 1;
      if (!isEnded && part === '') break;
      const line: LogLine =
        open === null
          ? { level, text: withoutMarks(part) }
          : { level: open.level, text: `${open.text}${part}` };
      if (isEnded) lines.push(line);
      open = isEnded ? null : line;
    }
  }
  if (open !== null) lines.push(open);

  let above: string | null = null;
  return lines.flatMap(({ level, text }) => {
    above = livepatchMessage(text, above);
    return above === null ? [] : [{ level, text: above }];
  });
}

/** printk_prefix_check: marks at the start of a line set its level and are not shown. */
function withoutMarks(line: string): string {
  return line.replace(/^(?:<[^\0]>)+/s, '');
}
