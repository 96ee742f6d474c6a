import { uncheckedNameFor } from '../abi/payload-name.js';
import { type InputFile, readInputs } from '../payload/index.js';
import type { Performer } from './rehearsal.js';

/**
 * These files, each behind the one that it depends on; branches and what depends on nothing of them as check has its chain,
 * and else as they were named.
 */
export function performersOf(
  inputs: readonly InputFile[],
  chain: readonly { readonly file: string }[],
): readonly Performer[] {
  const planned = new Map(readInputs(inputs).payloads.map((one) => [one.input, one.planned]));
  const byId = new Map([...planned].map(([{ file }, { buildId }]) => [buildId, file]));
  const places = new Map(chain.map(({ file }, index) => [file, index]));
  const place = ({ file }: Performer) => places.get(file) ?? chain.length;
  const all = inputs
    .map((input): Performer => {
      const { file, bytes } = input;
      const plan = planned.get(input);
      const depends = plan?.depends ?? null;
      const parent = depends === null ? null : (byId.get(depends) ?? null);
      const name = plan?.name ?? uncheckedNameFor(file);
      return { file, bytes, name, parent: parent === file ? null : parent };
    })
    .sort((a, b) => place(a) - place(b));
  const ordered = new Set<Performer>();
  const waiting = all.filter(({ parent }) => parent === null).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { file } = next;
    ordered.add(next);
    waiting.push(...all.filter(({ parent }) => parent === file).reverse());
  }
  // Those that depend on each other are on nothing.
  const rest = all.filter((one) => !ordered.has(one)).map((one) => ({ ...one, parent: null }));
  return [...ordered, ...rest];
}
