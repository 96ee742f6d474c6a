/** What no output may hold: all that a terminal obeys, but for line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
const RAW = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

/** A title of the window, a bell, a bidi override, a C1 control that is no UTF-8. */
export const HOSTILE_TEXTS = [
  Buffer.from('\u001b]0;x\u0007'),
  Buffer.from('\u202e\r'),
  Buffer.from([0x9b, 0x6d]),
] as const;

/** The first raw character of an output with what is around it, as a JSON string; null where there is none. */
export function rawIn(text: string): string | null {
  const match = RAW.exec(text);
  if (match === null) return null;
  return JSON.stringify(text.slice(Math.max(0, match.index - 60)).slice(0, 90));
}
